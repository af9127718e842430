// The table of tracks: what it shows stands in the address, and a row can be played.

import { bar } from "./bar.js";

const byId = (id) => document.getElementById(id);

/** Keep the address of the page that of its table, so that a reload shows the same. */
function keepAddress(event) {
  const { target, request } = event.detail.ctx;
  if (target?.id !== "tracks") return;
  const asked = new URL(request.action, window.location.href).searchParams;
  for (const [name, value] of [...asked]) if (!value) asked.delete(name);
  window.history.replaceState(null, "", asked.size ? `?${asked}` : window.location.pathname);
  show();
}

/** The same page of the table, anew from the server. */
export function renewTracks() {
  const options = { target: "#tracks", swap: "innerHTML" };
  window.htmx?.ajax("GET", `library/tracks${window.location.search}`, options);
}

/** Play the rows that are shown, from one of them on; the one that plays pauses, or goes on. */
function play(button) {
  if (bar.has(button.dataset.id)) {
    bar.toggle();
    return;
  }
  const all = [...byId("tracks").querySelectorAll("[data-play]")];
  const songs = all.map(({ dataset }) => ({ id: dataset.id, name: dataset.name, by: dataset.by }));
  bar.play(songs, all.indexOf(button));
}

function show() {
  for (const button of byId("tracks").querySelectorAll("[data-play]")) {
    button.setAttribute("aria-pressed", String(bar.playing && bar.has(button.dataset.id)));
  }
}

document.addEventListener("htmx:after:swap", keepAddress);
bar.events.addEventListener("change", show);
byId("tracks").addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (button) play(button);
});
