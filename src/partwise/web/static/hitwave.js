// An open hit: its wave with the moments that match the query, each to be heard against it.

import * as api from "./api.js";
import { colours, sheet } from "./colours.js";
import { clock } from "./parts.js";

const HEIGHT = 64;
const BARS = 240;

/**
 * Fill `place`. momentsOf(): promise of the moments; compare(moment): play it against the query;
 * play(time_s): play the hit from there on.
 */
export async function openHit(place, hit, { momentsOf, compare, play }) {
  const canvas = document.createElement("canvas");
  canvas.className = "hit-wave";
  canvas.setAttribute("role", "img");
  const list = document.createElement("ul");
  list.className = "moments";
  place.replaceChildren(canvas, list);

  const [wave, moments] = await Promise.all([api.peaks(hit.track_id, BARS), momentsOf()]);
  if (!place.contains(canvas)) return;
  const spans = moments.map((moment) => `${clock(moment.start_s)} to ${clock(moment.end_s)}`);
  canvas.setAttribute("aria-label", `Waveform; most like the query: ${spans.join(", ") || "no passage"}`);
  const paint = () => {
    if (canvas.isConnected) draw(canvas, wave, moments);
    else document.removeEventListener("partwise:theme", paint);
  };
  new ResizeObserver(paint).observe(canvas);
  document.addEventListener("partwise:theme", paint);
  canvas.addEventListener("click", (event) => {
    play((event.offsetX / canvas.clientWidth) * wave.duration_s);
  });
  moments.forEach((moment, i) => list.append(momentButton(moment, spans[i], compare)));
}

function momentButton(moment, span, compare) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.testid = "moment";
  button.textContent = `A/B ${span} · ${moment.score.toFixed(2)}`;
  button.addEventListener("click", () => compare(moment));
  item.append(button);
  return item;
}

function draw(canvas, wave, moments) {
  if (!canvas.clientWidth) return;
  const theme = colours();
  const { context, width } = sheet(canvas, HEIGHT);
  const step = width / wave.points;
  const highest = Math.max(0.01, ...wave.peaks);
  const inside = (time) => moments.some((m) => time >= m.start_s && time <= m.end_s);
  context.fillStyle = theme.accent;
  context.globalAlpha = 0.14;
  for (const { start_s, end_s } of moments) {
    const from = (start_s / wave.duration_s) * width;
    context.fillRect(from, 0, ((end_s - start_s) / wave.duration_s) * width, HEIGHT);
  }
  wave.peaks.forEach((peak, i) => {
    const lit = inside(((i + 0.5) / wave.points) * wave.duration_s);
    const height = Math.max(1.5, (peak / highest) * (HEIGHT - 6));
    context.globalAlpha = lit ? 1 : 0.55;
    context.fillStyle = lit ? theme.accent : theme.muted;
    context.fillRect(i * step, (HEIGHT - height) / 2, Math.max(1, step - 1), height);
  });
  context.globalAlpha = 1;
}
