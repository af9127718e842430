// The songs of the query, by name, each with a way to take it out again.

/** removed(song): it is to go. */
export function makeChosen(removed) {
  const place = document.getElementById("chosen");

  function itemOf(song) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = song.name || "…";
    name.title = song.name;
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${song.name} from the query`);
    remove.addEventListener("click", () => removed(song));
    item.append(name, remove);
    return item;
  }

  return { show: (songs) => place.replaceChildren(...songs.map(itemOf)) };
}
