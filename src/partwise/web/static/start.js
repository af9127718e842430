// The first screen: a song by chance and questions to begin with, until one is chosen.

/** offered(song): the song by chance is to be asked about. */
export function makeStart(offered) {
  const place = document.getElementById("start");
  const another = document.getElementById("start-another");

  function chance() {
    const found = document.getElementById("chance");
    return found ? { id: found.dataset.songId, name: found.dataset.title, parts: null } : null;
  }

  another?.addEventListener("click", async () => {
    const response = await fetch("find/start");
    if (!response.ok) return;
    // The server's own template, which escapes what stands in tags; as it came with the page.
    const fragment = new DOMParser().parseFromString(await response.text(), "text/html");
    document.getElementById("start-offers").replaceChildren(...fragment.body.childNodes);
    const song = chance();
    if (song) offered(song);
  });

  return {
    chance,
    show(whether) {
      if (place) place.hidden = !whether;
      document.getElementById("hello").classList.toggle("visually-hidden", !whether && place !== null);
    },
  };
}
