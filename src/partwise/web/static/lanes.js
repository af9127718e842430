// Presence over time: five lanes under the wave, and the same in words.

import { colours, sheet } from "./colours.js";
import { PARTS, clock, listed } from "./parts.js";

const LANE = 11;
const GAP = 2;
const HEARD = 0.5;

export function makeLanes() {
  const canvas = document.getElementById("presence");
  const words = document.getElementById("presence-text");
  let shown = null;

  function draw() {
    if (!canvas.clientWidth) return;
    const { context, width } = sheet(canvas, PARTS.length * (LANE + GAP));
    if (!shown) return;
    const theme = colours();
    const x = (time) => Math.round((time / shown.duration_s) * width); // no seams
    context.font = "600 9.5px system-ui, sans-serif";
    context.textBaseline = "middle";
    PARTS.forEach((part, lane) => {
      const top = lane * (LANE + GAP);
      context.globalAlpha = 1;
      context.fillStyle = theme.wash;
      context.fillRect(0, top, width, LANE);
      context.fillStyle = theme[part];
      pieces(shown).forEach(([start, end], i) => {
        context.globalAlpha = shown.presence[part][i] ** 1.5;
        context.fillRect(x(start), top, x(end) - x(start), LANE);
      });
      context.globalAlpha = 0.85;
      context.fillStyle = theme.panel;
      context.fillRect(3, top, context.measureText(part).width + 8, LANE);
      context.globalAlpha = 1;
      context.fillStyle = theme.ink;
      context.fillText(part, 7, top + LANE / 2 + 0.5);
    });
  }

  new ResizeObserver(draw).observe(canvas);
  document.addEventListener("partwise:theme", draw);

  return {
    /** found: {start_s, end_s, presence} of the API, or null. */
    show(found, duration_s) {
      shown = found && { ...found, duration_s };
      words.textContent = found ? inWords(found) : "";
      draw();
    },
  };
}

/** Segments overlap: each counts until the next begins. */
function pieces({ start_s, end_s }) {
  return start_s.map((start, i) => [start, i + 1 < start_s.length ? start_s[i + 1] : end_s[i]]);
}

/** "Guitar from 0:10 to 0:35 and from 1:00 to 1:20. Piano is not heard." */
export function inWords(found) {
  const times = pieces(found);
  const sentences = PARTS.map((part) => {
    const runs = [];
    times.forEach(([start, end], i) => {
      if (found.presence[part][i] < HEARD) return;
      const last = runs.at(-1);
      if (last && last.next === i) Object.assign(last, { end, next: i + 1 });
      else runs.push({ start, end, next: i + 1 });
    });
    const spans = runs.map((run) => `from ${clock(run.start)} to ${clock(run.end)}`);
    const name = part[0].toUpperCase() + part.slice(1);
    return spans.length ? `${name} ${listed(spans)}.` : `${name} is not heard.`;
  });
  return sentences.join(" ");
}
