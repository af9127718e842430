// Hear the reason: one button lets the chosen part through and turns the rest down, in whatever
// sounds. The bar and the A/B comparison each have that button; the choice is one.

import { PARTS } from "./parts.js";
import { sayError } from "./say.js";

const WORDS = {
  waiting: (part) => `Filtering for ${part}; the whole sounds until that is there.`,
  through: (part) =>
    `Only ${part}, through the mask that the network estimated: a filter, no separated stem. The others shine through.`,
};

const voices = new Set();
const places = [];
let part = PARTS[0];
let chosen = false; // by the visitor: then the faders choose no more
let on = false;

/** Voices take part in the choice; they report by `told`. */
export function join(voice) {
  voices.add(voice);
  if (on) voice.filter(part);
}

/** What a voice says of itself, see `makeVoice`. */
export function told(state, error) {
  if (state === "failed") {
    turn(false);
    sayError(error);
    return;
  }
  for (const place of places) {
    place.box.dataset.state = state;
    if (on) place.note.textContent = (WORDS[state] ?? WORDS.through)(part);
  }
}

async function turn(to) {
  on = to;
  show();
  const done = await Promise.all([...voices].map((voice) => voice.filter(on ? part : null)));
  if (on && done.includes(false)) {
    on = false;
    show();
    sayError("This browser cannot play through a mask.");
  }
}

function choose(wanted) {
  if (part === wanted) return;
  part = wanted;
  if (on) turn(true);
  else show();
}

/** The part that weighs most is what one wants to hear, unless another was chosen by hand. */
export function suggest(weights) {
  if (chosen || on) return;
  choose(PARTS.reduce((best, one) => ((weights[one] ?? 0) > (weights[best] ?? 0) ? one : best)));
}

/** For keys: the part of a number, or everything. */
export function toggle(wanted = part) {
  chosen = true;
  if (on && wanted === part) turn(false);
  else {
    part = wanted;
    turn(true);
  }
}

function show() {
  for (const { box, button, select, note } of places) {
    button.setAttribute("aria-pressed", String(on));
    button.textContent = `Only ${part}`;
    button.title = on ? "Hear everything again" : `Let ${part} through and turn the rest down`;
    select.value = part;
    box.dataset.part = part;
    note.textContent = on ? WORDS.through(part) : "";
  }
}

for (const box of document.querySelectorAll("[data-reason]")) {
  const place = {
    box,
    button: box.querySelector("button"),
    select: box.querySelector("select"),
    note: box.closest("section").querySelector(".reason-note"),
  };
  place.button.addEventListener("click", () => toggle());
  place.select.addEventListener("change", () => {
    chosen = true;
    choose(place.select.value);
  });
  places.push(place);
}
show();
