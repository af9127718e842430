// Songs that a question names, each by its name and with a way to take it out again.

/** place: the list. words(song): what taking it out is called. removed(song): it is to go. */
export function makeChosen(place, { words, removed }) {
  function itemOf(song) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = song.name || "…";
    name.title = song.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = "×";
    remove.setAttribute("aria-label", words(song));
    remove.addEventListener("click", () => removed(song));
    item.append(name, remove);
    return item;
  }

  return { show: (songs) => place.replaceChildren(...songs.map(itemOf)) };
}
