// Songs of an answer as rows: each plays that song, and those after it.

import { bar } from "./bar.js";

const template = document.getElementById("song-template");

/** A song for the player, which asks for its cover and length itself. */
const playable = ({ track_id: id, title, artist }) => ({ id, title, artist });

export function playAll(songs) {
  bar.play(songs.map(playable), 0);
}

/**
 * Fill a list. songs : tracks of an answer. fact(song): {text, words} that stand at a row's end, for
 * the eye and for screen readers, or null. list : what is played from a row on, where it is more.
 */
export function listSongs(element, songs, fact, list = songs) {
  element.replaceChildren(...songs.map((song) => rowOf(song, fact(song), list)));
  showPlaying();
}

function rowOf(song, fact, list) {
  const row = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => row.querySelector(selector);
  const button = find(".row-play");
  button.dataset.id = song.track_id;
  button.setAttribute("aria-label", `Play ${song.title} and what follows`);
  button.addEventListener("click", () => {
    if (bar.has(song.track_id)) bar.toggle();
    else bar.play(list.map(playable), list.findIndex((one) => one.track_id === song.track_id));
  });
  find(".row-title").textContent = song.title;
  find(".row-by").textContent = song.artist ?? "";
  if (!fact) {
    find(".row-fact").remove();
    return row;
  }
  const seen = document.createElement("span");
  seen.setAttribute("aria-hidden", "true");
  seen.textContent = fact.text;
  const words = document.createElement("span");
  words.className = "visually-hidden";
  words.textContent = fact.words;
  find(".row-fact").append(seen, words);
  return row;
}

function showPlaying() {
  for (const button of document.querySelectorAll("button.row-play")) {
    button.setAttribute("aria-pressed", String(bar.playing && bar.has(button.dataset.id)));
  }
}

bar.events.addEventListener("change", showPlaying);
