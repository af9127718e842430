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

/** changed(): another way was looked for. Gives {read, show, go}. */
export function makeJourney(changed) {
  const ends = { from: null, to: null }; // {id}
  let steps = [];
  let asking = null;

  for (const end of ENDS) {
    const input = byId(`${end}-search`);
    makePicker((song) => {
      ends[end] = song;
      input.value = song.name;
    }, end);
    input.addEventListener("input", () => {
      ends[end] = null; // what is typed is a name, until a song is picked
    });
  }

  function takeEnd(end, { track_id: id, title }) {
    ends[end] = { id };
    byId(`${end}-search`).value = title;
  }

  /** An end that came by a link, which has no names. */
  async function takeId(end, id) {
    ends[end] = { id };
    const mine = ends[end];
    try {
      const track = await api.track(id);
      if (ends[end] === mine) takeEnd(end, track);
    } catch {
      // it is told when the way is looked for
    }
  }

  const parts = () => boxes.filter((box) => box.checked).map((box) => box.value);

  /** The id of an end, or what was typed: the server knows which song that means. */
  const nameOf = (end) => ends[end]?.id ?? byId(`${end}-search`).value.trim();

  /** The first thing that is missing, as {id of its field, sentence}; null when all is there. */
  function missing() {
    if (!nameOf("from")) return ["from-search", "Pick the song that the journey begins with."];
    if (!nameOf("to")) return ["to-search", "Pick the song that the journey ends with."];
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
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    byId("journey-state").textContent = "Looking for the way …";
    const wanted = parts();
    const asked = {
      start: nameOf("from"),
      end: nameOf("to"),
      count: Number(number.value),
      weights: wanted.length ? Object.fromEntries(wanted.map((part) => [part, 1])) : null,
    };
    try {
      const found = await api.path(asked, signal);
      clearError();
      show(found.steps, wanted);
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
    if (steps.length) {
      takeEnd("from", steps[0]);
      takeEnd("to", steps.at(-1));
    }
    changed();
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
      for (const [end, id] of [["from", from], ["to", to]]) if (id) takeId(end, id);
      if (from && to) go();
    },
  };
}
