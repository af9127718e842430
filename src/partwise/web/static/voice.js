// The sound of an audio element: as it is, or through the mask of one part. The server renders the
// filtered sound in passages of a few seconds; they are played beside the element, at its place,
// and the two are faded into each other. Until a passage is there, the element goes on sounding.

import * as api from "./api.js";

const STEP_S = 5; // of a passage: the server's windows start as far apart
const OVERLAP_S = 0.06; // of one passage and the next
const CROSS_S = 0.035;
const AHEAD_S = 2; // a passage is scheduled so long before it sounds
const OFF_S = 0.08; // the two clocks may differ by so much
const LOOK_MS = 120;
const KEPT = 24; // passages, 2 MB each

let context = null;

/** The page's AudioContext once it runs; null where there is none, or it may not sound yet. */
export async function running() {
  if (!window.AudioContext) return null;
  context ??= new AudioContext();
  if (context.state !== "running") await context.resume();
  return context.state === "running" ? context : null;
}

/**
 * songOf(): the id of the song that the element plays. told(state, error): "off", "waiting",
 * "through" (the mask is heard) or "failed".
 */
export function makeVoice(audio, songOf, told = () => {}) {
  let level = null; // what goes out; whoever mixes sets its gain
  let source = null;
  let dry = null;
  let wet = null;
  let part = null;
  let state = "off";
  let lag = null; // the context's time less the element's, while passages sound
  let sounding = []; // {step, song, part, node, gain}
  const passages = new Map();

  /** Send the element through Web Audio; its output's gain node. */
  function connect(to) {
    if (level) return level;
    level = to.createGain();
    source = to.createMediaElementSource(audio);
    source.connect(level).connect(to.destination);
    return level;
  }

  function fork() {
    if (dry) return;
    dry = context.createGain();
    wet = context.createGain();
    wet.gain.value = 0;
    source.disconnect();
    source.connect(dry).connect(level);
    wet.connect(level);
  }

  function ramp(node, gain) {
    const now = context.currentTime;
    node.gain.cancelScheduledValues(now);
    node.gain.setValueAtTime(node.gain.value, now);
    node.gain.linearRampToValueAtTime(gain, now + CROSS_S);
  }

  function tell(next, error) {
    if (state === next && !error) return;
    state = next;
    told(next, error);
  }

  function show(through) {
    if (!dry) return;
    ramp(wet, through ? (audio.muted ? 0 : audio.volume) : 0);
    ramp(dry, through ? 0 : 1);
  }

  /** A passage as it is being had: {buffer: null until it is there}. */
  function passage(step) {
    const key = `${songOf()} ${part} ${step}`;
    let found = passages.get(key);
    if (!found) {
      found = { buffer: null, waiting: null };
      found.waiting = load(found, songOf(), part, step * STEP_S);
      passages.set(key, found);
      if (passages.size > KEPT) passages.delete(passages.keys().next().value);
    }
    return found;
  }

  async function load(place, song, wanted, start_s) {
    try {
      const data = await api.audition(song, wanted, start_s, start_s + STEP_S + OVERLAP_S);
      place.buffer = await context.decodeAudioData(data);
    } catch (error) {
      for (const [key, other] of passages) if (other === place) passages.delete(key);
      if (error.status === 416 || song !== songOf() || wanted !== part) return; // past its end
      part = null;
      quiet();
      tell("failed", error);
    }
  }

  function quiet() {
    if (!dry) return;
    show(false);
    for (const { node } of sounding) node.stop(context.currentTime + CROSS_S);
    sounding = [];
    lag = null;
  }

  function start(step, buffer) {
    const now = context.currentTime;
    const begins = step * STEP_S + lag;
    const late = Math.max(0, now - begins);
    if (late >= buffer.duration) return;
    const node = context.createBufferSource();
    const gain = context.createGain();
    node.buffer = buffer;
    gain.gain.setValueAtTime(0, begins + late);
    gain.gain.linearRampToValueAtTime(1, begins + late + OVERLAP_S);
    if (buffer.duration > STEP_S) {
      gain.gain.setValueAtTime(1, Math.max(begins + STEP_S, begins + late + OVERLAP_S));
      gain.gain.linearRampToValueAtTime(0, begins + buffer.duration);
    }
    node.connect(gain).connect(wet);
    node.start(begins + late, late);
    const one = { step, song: songOf(), part, node };
    node.addEventListener("ended", () => {
      sounding = sounding.filter((other) => other !== one);
    });
    sounding.push(one);
  }

  function look() {
    if (!part || !songOf()) return;
    if (audio.paused || audio.seeking || audio.readyState < 3) {
      if (sounding.length) quiet();
      state = "off"; // what it says next is news
      return;
    }
    const time = audio.currentTime;
    const step = Math.floor(time / STEP_S);
    const now = passage(step);
    const stale = sounding.some((one) => one.song !== songOf() || one.part !== part);
    const off = lag === null || Math.abs(context.currentTime - time - lag) > OFF_S;
    if (sounding.length && (stale || off)) quiet();
    if (lag === null || off) lag = context.currentTime - time;
    const length_s = Number.isFinite(audio.duration) ? audio.duration : Infinity;
    // Only then: the server renders one after the other, and this one is waited for.
    const next = now.buffer && (step + 1) * STEP_S < length_s ? passage(step + 1) : null;
    const has = (number) => sounding.some((one) => one.step === number);
    if (!has(step) && now.buffer) start(step, now.buffer);
    if (!has(step + 1) && next?.buffer && (step + 1) * STEP_S - time < AHEAD_S) {
      start(step + 1, next.buffer);
    }
    const through = has(step);
    if (through !== (state === "through")) show(through);
    tell(through ? "through" : "waiting");
  }

  audio.addEventListener("volumechange", () => state === "through" && show(true));
  for (const name of ["play", "playing", "pause", "seeking", "seeked", "emptied"]) {
    audio.addEventListener(name, look);
  }
  window.setInterval(look, LOOK_MS);

  return {
    connect,
    /** Let one part through, or, with null, everything. False where the browser cannot. */
    async filter(wanted) {
      if (!wanted) {
        part = null;
        quiet();
        tell("off");
        return true;
      }
      const to = await running();
      if (!to) return false;
      connect(to);
      fork();
      part = wanted;
      look();
      return true;
    },
    /** Wait until the passage at a time is there, where one is wanted. */
    async ready(time) {
      if (part) await passage(Math.floor(time / STEP_S)).waiting;
    },
    get part() {
      return part;
    },
  };
}
