// A journey: from one song to another by some parts, to play and to save.

import * as api from "./api.js";
import { listed } from "./parts.js";
import { makePicker } from "./picker.js";
import { clearError, sayError } from "./say.js";
import { save } from "./sharing.js";
import { listSongs, playAll } from "./song-rows.js";

const ENDS = ["from", "to"];

const byId = (id) => document.getElementById(id);
const boxes = [...document.querySelectorAll('#journey-form [name="parts"]')];
const number = byId("journey-count");

/** changed(): what is asked for is another, and asked. Gives {read, show, go}. */
export function makeJourney(changed) {
  const ends = { from: null, to: null }; // {id, name}
  let steps = [];
  let asking = null;

  for (const end of ENDS) {
    const input = byId(`${end}-search`);
    makePicker((song) => {
      ends[end] = song;
      input.value = song.name;
    }, end);
    input.addEventListener("input", () => {
      ends[end] = null; // what is typed is no song before it is picked
    });
  }

  const parts = () => boxes.filter((box) => box.checked).map((box) => box.value);

  /** The first thing that is missing, as {id of its field, sentence}; null when all is there. */
  function missing() {
    if (!ends.from) return ["from-search", "Pick the song that the journey begins with."];
    if (!ends.to) return ["to-search", "Pick the song that the journey ends with."];
    if (!number.checkValidity() || number.value === "") {
      return ["journey-count", `A journey has ${number.min} to ${number.max} songs.`];
    }
    return null;
  }

  async function go() {
    const lacking = missing();
    if (lacking) {
      sayError(lacking[1]);
      byId(lacking[0]).focus();
      return;
    }
    changed();
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    byId("journey-state").textContent = "Looking for the way …";
    const wanted = parts();
    const asked = {
      start: ends.from.id,
      end: ends.to.id,
      count: Number(number.value),
      weights: wanted.length ? Object.fromEntries(wanted.map((part) => [part, 1])) : null,
    };
    try {
      show((await api.path(asked, signal)).steps, wanted);
      clearError();
    } catch (error) {
      if (error.name === "AbortError") return;
      show([], wanted);
      sayError(error);
    }
  }

  function show(found, wanted) {
    steps = found;
    byId("journey-found").hidden = steps.length === 0;
    const by = wanted.length ? listed(wanted) : "all parts that both have";
    byId("journey-state").textContent = steps.length ? `${steps.length} songs by ${by}` : "";
    listSongs(byId("journey"), steps, ({ step_similarity: alike }) => {
      if (alike === null) return { text: "start", words: "the start" };
      const text = alike.toFixed(2);
      return { text, words: `${text} like the one before` };
    });
    // An end that came by a link has its name from here.
    for (const [end, step] of [["from", steps[0]], ["to", steps.at(-1)]]) {
      if (!step || ends[end]?.name) continue;
      ends[end] = { id: step.track_id, name: step.title };
      byId(`${end}-search`).value = step.title;
    }
  }

  byId("journey-form").addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  byId("journey-play").addEventListener("click", () => playAll(steps));
  for (const button of document.querySelectorAll("#journey-found [data-format]")) {
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        const title = `path from ${steps[0].title} to ${steps.at(-1).title}`;
        const ids = steps.map((step) => step.track_id);
        const { blob, name } = await api.playlist(ids, button.dataset.format, title);
        save(blob, name);
        clearError();
      } catch (error) {
        sayError(error);
      } finally {
        button.disabled = false;
      }
    });
  }

  return {
    /** What stands in the address: {from, to, parts, songs}, empty where nothing is chosen. */
    read: () => ({
      from: ends.from?.id ?? "",
      to: ends.to?.id ?? "",
      parts: parts().join(","),
      songs: number.value === number.defaultValue ? "" : number.value,
    }),
    /** Take over what stood in an address, and go if both ends are known. */
    take({ from, to, parts: wanted, songs }) {
      for (const box of boxes) box.checked = wanted.split(",").includes(box.value);
      if (songs) number.value = songs;
      if (from) ends.from = { id: from, name: "" };
      if (to) ends.to = { id: to, name: "" };
      if (from && to) go();
    },
  };
}
