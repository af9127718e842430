// Songs that are carried about: from a hit or the picker onto a fader, there to give its part.

import { PARTS } from "./parts.js";

const KIND = "application/x-partwise-song";

/** Make what is dragged out of an element carry a song. song(): {id, name}, or null for none. */
export function carry(element, song) {
  element.addEventListener("dragstart", (event) => {
    const carried = song(event);
    if (!carried || !event.dataTransfer) return;
    event.dataTransfer.setData(KIND, JSON.stringify({ id: carried.id, name: carried.name }));
    event.dataTransfer.setData("text/plain", carried.name);
    event.dataTransfer.effectAllowed = "copy";
  });
}

/** Let songs and files be dropped on an element. */
export function takeDrops(element, { song, file }) {
  const fits = (event) => {
    const kinds = [...(event.dataTransfer?.types ?? [])];
    return kinds.includes(KIND) || kinds.includes("Files");
  };
  element.addEventListener("dragover", (event) => {
    if (!fits(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    element.classList.add("over");
  });
  element.addEventListener("dragleave", (event) => {
    if (!element.contains(event.relatedTarget)) element.classList.remove("over");
  });
  element.addEventListener("drop", (event) => {
    element.classList.remove("over");
    if (!fits(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const carried = read(event.dataTransfer.getData(KIND));
    if (carried) song(carried);
    else if (event.dataTransfer.files.length) file(event.dataTransfer.files[0]);
  });
}

/** The seeds below the faders: what is dropped on a fader, its name, and taking it off again. */
export function makeSeeds(question, { seeded, removed, dropped }) {
  for (const part of PARTS) {
    const group = document.querySelector(`.fader[data-part="${part}"]`);
    takeDrops(group, {
      song: (song) => seeded(part, song),
      file: (file) => dropped(part, file),
    });
    group.querySelector(".seed-remove").addEventListener("click", () => {
      removed(part);
      document.getElementById(`fader-${part}`).focus();
    });
  }

  return {
    show() {
      for (const part of PARTS) {
        const group = document.querySelector(`.fader[data-part="${part}"]`);
        const seed = question().seeds[part];
        const name = group.querySelector(".seed-name");
        name.textContent = seed ? seed.name || "…" : "";
        name.title = seed ? `${part} of ${seed.name}` : "";
        group.querySelector(".seed-remove").hidden = !seed;
        group.classList.toggle("seeded", Boolean(seed));
      }
    },
  };
}

function read(text) {
  try {
    const song = JSON.parse(text);
    return typeof song.id === "string" && typeof song.name === "string" ? song : null;
  } catch {
    return null; // no song of ours
  }
}
