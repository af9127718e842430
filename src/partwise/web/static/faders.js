// Five faders with solo and mute. They show a question and change it; others hear of changes.

import { PARTS, capital } from "./parts.js";

const byId = (id) => document.getElementById(id);

/**
 * question: () => the question of the moment, which is changed in place.
 * moving(): while a fader moves, many times a second. settled(): when it is let go, and on buttons.
 */
export function makeFaders(question, { moving, settled }) {
  const faders = Object.fromEntries(PARTS.map((part) => [part, bind(part)]));
  let heard = PARTS;

  function bind(part) {
    const group = document.querySelector(`.fader[data-part="${part}"]`);
    const input = byId(`fader-${part}`);
    const fader = {
      group,
      input,
      value: group.querySelector(".fader-value"),
      solo: group.querySelector(".solo"),
      mute: group.querySelector(".mute"),
    };
    input.addEventListener("input", () => {
      question().faders[part] = Number(input.value);
      showValue(part);
      moving();
    });
    input.addEventListener("change", settled);
    for (const name of ["solo", "mute"]) {
      fader[name].addEventListener("click", () => {
        const parts = question()[name];
        if (!parts.delete(part)) parts.add(part);
        show();
        moving();
        settled();
      });
    }
    return fader;
  }

  function showValue(part) {
    const { group, input, value } = faders[part];
    const { faders: values, solo, mute } = question();
    const percent = Math.round(values[part] * 100);
    const there = heard.includes(part);
    const silenced = there && (solo.size ? !solo.has(part) : mute.has(part));
    let text = `${part} ${percent} percent`;
    if (!there) text = `${part} cannot be heard in the query`;
    else if (silenced) text += solo.size ? ", not soloed" : ", muted";
    value.textContent = there ? String(percent) : "absent";
    input.setAttribute("aria-valuetext", text);
    group.style.setProperty("--level", String(values[part]));
    group.classList.toggle("silenced", silenced);
  }

  function show(partsHeard = heard) {
    heard = partsHeard;
    for (const part of PARTS) {
      const { group, input, solo, mute } = faders[part];
      const there = heard.includes(part);
      input.value = String(question().faders[part]);
      for (const control of [input, solo, mute]) control.disabled = !there;
      solo.setAttribute("aria-pressed", String(question().solo.has(part)));
      mute.setAttribute("aria-pressed", String(question().mute.has(part)));
      group.classList.toggle("absent", !there);
      group.title = there ? "" : `${capital(part)} cannot be heard in the query`;
      showValue(part);
    }
  }

  byId("faders-reset").addEventListener("click", () => {
    const asked = question();
    for (const part of PARTS) asked.faders[part] = 1;
    asked.solo.clear();
    asked.mute.clear();
    show();
    moving();
    settled();
  });

  return { show };
}
