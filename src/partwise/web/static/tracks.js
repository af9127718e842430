// The table of tracks: what it shows stands in the address, and a row can be played.

import { audioAddress } from "./api.js";
import { sayError } from "./say.js";

const byId = (id) => document.getElementById(id);

/** Keep the address of the page that of its table, so that a reload shows the same. */
function keepAddress(event) {
  const { target, request } = event.detail.ctx;
  if (target?.id !== "tracks") return;
  const asked = new URL(request.action, window.location.href).searchParams;
  for (const [name, value] of [...asked]) if (!value) asked.delete(name);
  window.history.replaceState(null, "", asked.size ? `?${asked}` : window.location.pathname);
  show(sounding);
}

/** The same page of the table, anew from the server. */
export function renewTracks() {
  const options = { target: "#tracks", swap: "innerHTML" };
  window.htmx?.ajax("GET", `library/tracks${window.location.search}`, options);
}

/** The rows that are shown, from the one that was asked for on. Whoever has a queue takes them. */
function play(button) {
  const all = [...byId("tracks").querySelectorAll("[data-play]")];
  const songs = all.map(({ dataset }) => ({ id: dataset.id, name: dataset.name, by: dataset.by }));
  const detail = { songs, index: all.indexOf(button) };
  const event = new CustomEvent("partwise:play", { detail, cancelable: true });
  if (document.dispatchEvent(event)) playAlone(button);
}

let audio = null;
let sounding = null;

/** Where there is no queue: that one song, and silence at a second click. */
function playAlone(button) {
  audio ??= Object.assign(new Audio(), { onended: () => show(null) });
  if (sounding === button.dataset.id) {
    audio.pause();
    show(null);
    return;
  }
  audio.src = audioAddress(button.dataset.id);
  audio.play().catch((error) => {
    if (error.name === "AbortError") return;
    show(null);
    sayError("This recording cannot be played here.");
  });
  show(button.dataset.id);
}

function show(id) {
  sounding = id;
  for (const button of byId("tracks").querySelectorAll("[data-play]")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === id));
  }
}

document.addEventListener("htmx:after:swap", keepAddress);
byId("tracks").addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (button) play(button);
});
