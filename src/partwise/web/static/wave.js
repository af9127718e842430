// The wave of the query (wavesurfer, from peaks that the server computed), playing it in the bar, and
// asking for a passage by dragging over it or by typing its times.

import RegionsPlugin from "./vendor/wavesurfer.regions.esm.js";
import WaveSurfer from "./vendor/wavesurfer.esm.js";

import * as api from "./api.js";
import { bar } from "./bar.js";
import { colours } from "./colours.js";
import { makeLanes } from "./lanes.js";
import { clock } from "./parts.js";
import { sayError } from "./say.js";
import { number } from "./conditions.js";

const POINTS = 1200;
// The policy for styles knows wavesurfer's own sheet by its hash, and this number stands in it.
const HEIGHT = 52;
const SHORTEST_S = 1;
const SETTLE_MS = 180;

const byId = (id) => document.getElementById(id);

/** ranged([start_s, end_s] or null): another passage is asked for. */
export function makeWave(ranged) {
  const place = byId("wave");
  const play = byId("query-play");
  const inputs = [byId("range-start"), byId("range-end")];
  const lanes = makeLanes();
  let surfer = null;
  let regions = null;
  let song = null;
  let asked = { range: null, canRange: false };
  let stopSelecting = null;
  let quiet = false; // a region is set by us, not by the visitor
  let timer = 0;

  function looks() {
    const theme = colours();
    return { waveColor: theme.muted, progressColor: theme.accent, cursorColor: theme.accent };
  }

  const tint = () => `color-mix(in srgb, ${colours().accent} 22%, transparent)`;

  function regionChanged(region) {
    if (quiet) return;
    for (const other of regions.getRegions()) if (other !== region) other.remove();
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      if (region.end - region.start >= SHORTEST_S) ask([region.start, region.end]);
      else region.remove();
    }, SETTLE_MS);
  }

  function ask(range) {
    const rounded = range && range.map((time) => Math.round(time * 10) / 10);
    showTimes(rounded);
    ranged(rounded);
  }

  function showTimes(range) {
    inputs.forEach((input, i) => {
      input.value = range ? String(range[i]) : "";
    });
    byId("range-clear").disabled = !range;
  }

  function showRegion(range) {
    showTimes(range);
    if (!regions) return;
    quiet = true;
    regions.clearRegions();
    if (range) regions.addRegion({ start: range[0], end: range[1], color: tint() });
    quiet = false;
  }

  function typed() {
    const [start, end] = inputs.map((input) => number(input.value));
    if (start === null || end === null || !song) return;
    const range = [start, Math.min(end, song.duration_s)];
    if (range[1] - range[0] < SHORTEST_S) {
      sayError(`A passage must be at least ${SHORTEST_S} second long and lie inside the song.`);
      return;
    }
    showRegion(range);
    ask(range);
  }

  function showTime(time) {
    byId("wave-time").textContent = song ? `${clock(time)} / ${clock(song.duration_s)}` : "";
  }

  const isPlaying = () => bar.playing && bar.has(song?.id);

  function showPlaying() {
    play.textContent = isPlaying() ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(isPlaying()));
  }

  /** From where the wave stands, in the passage if one is asked for. */
  function start(time_s) {
    const { id, name: title, duration_s } = song;
    bar.play([{ id, title, duration_s }], 0, time_s);
  }

  function make(peaks) {
    surfer = WaveSurfer.create({
      ...looks(),
      container: place,
      peaks: [peaks],
      duration: song.duration_s,
      height: HEIGHT,
      barWidth: 2,
      barGap: 1,
      barRadius: 2,
      barHeight: 0.95,
      normalize: true,
    });
    regions = surfer.registerPlugin(RegionsPlugin.create());
    regions.on("region-created", regionChanged);
    regions.on("region-updated", regionChanged);
    surfer.on("timeupdate", showTime);
    surfer.on("interaction", (time) => bar.has(song.id) && bar.seek(time));
    if (bar.has(song.id)) surfer.setTime(bar.time_s);
  }

  function clear() {
    stopSelecting?.();
    surfer?.destroy();
    surfer = regions = stopSelecting = null;
    lanes.show(null);
    showTime(0);
  }

  async function load(next) {
    song = next;
    clear();
    showPlaying();
    const [wave, presence] = await Promise.all([
      api.peaks(next.id, POINTS),
      api.presence(next.id),
    ]);
    if (song !== next) return; // another one was picked meanwhile
    song.duration_s = wave.duration_s;
    make(wave.peaks);
    lanes.show(presence, wave.duration_s);
    showTime(0);
  }

  /** Make the wave take drags, or not, and show the passage that is asked for. */
  function showAsked() {
    const { range, canRange } = asked;
    stopSelecting?.();
    stopSelecting = canRange && regions ? regions.enableDragSelection({ color: tint() }) : null;
    for (const input of inputs) input.disabled = !canRange;
    showRegion(canRange ? range : null);
  }

  play.addEventListener("click", () => {
    if (!song) return;
    const { range } = asked;
    const time = bar.has(song.id) ? bar.time_s : (surfer?.getCurrentTime() ?? 0);
    const inside = !range || (time >= range[0] && time < range[1]);
    if (!bar.has(song.id)) start(inside ? time : range[0]);
    else {
      if (!isPlaying() && !inside) bar.seek(range[0]);
      bar.toggle();
    }
  });
  bar.events.addEventListener("change", showPlaying);
  bar.events.addEventListener("time", () => bar.has(song?.id) && surfer?.setTime(bar.time_s));
  // Where there is little room, wave and passage are folded away at first.
  byId("wave-open").addEventListener("click", () => {
    const open = byId("wave-area").classList.toggle("open");
    byId("wave-open").setAttribute("aria-expanded", String(open));
  });
  for (const input of inputs) input.addEventListener("change", typed);
  byId("range-clear").addEventListener("click", () => {
    showRegion(null);
    ask(null);
  });
  document.addEventListener("partwise:theme", () => {
    surfer?.setOptions(looks());
    for (const region of regions?.getRegions() ?? []) region.setOptions({ color: tint() });
  });

  return {
    /** wanted: {id} or null; range may be chosen only where `canRange`. */
    async show(wanted, range, canRange) {
      byId("wave-area").hidden = !wanted;
      if (!wanted) {
        song = null;
        return;
      }
      asked = { range, canRange };
      if (wanted.id !== song?.id) await load({ id: wanted.id, name: wanted.name, duration_s: 0 });
      if (song?.id === wanted.id) showAsked();
    },
  };
}
