// A/B: the matching moments of query and hit in turn, at equal loudness, without a gap.
// Both recordings are loaded and stand at their moment before anything sounds; one keeps sounding
// until the other does, then they cross over.

import * as api from "./api.js";
import { isTyping } from "./keys.js";
import { silence, together } from "./one.js";
import { join, told } from "./reason.js";
import { sayError } from "./say.js";
import { makeVoice, running } from "./voice.js";

const CROSS_S = 0.035;
const LONGEST_S = 10;
const SILENT = 0.0001;

const byId = (id) => document.getElementById(id);

export function makeComparison() {
  const bar = byId("ab");
  const sides = { a: side("a", "ab-audio-query"), b: side("b", "ab-audio-hit") };
  let context = null;
  let sounding = null; // "a", "b" or null
  let asked = 0; // grows with every start and stop: what was awaited meanwhile is out of date
  let timer = 0;
  let length_s = LONGEST_S;
  let ended = null;

  function side(name, id) {
    const found = { audio: byId(id), button: byId(`ab-${name}`), name: byId(`ab-${name}-name`) };
    found.voice = makeVoice(found.audio, () => found.songId, told);
    join(found.voice);
    return found;
  }

  async function connect() {
    context = await running();
    if (!context) return;
    for (const one of Object.values(sides)) {
      one.node = one.voice.connect(context);
      one.node.gain.value = SILENT;
    }
  }

  /** Towards a gain, in CROSS_S; at once where there is no Web Audio. */
  function fade(one, gain) {
    if (!one.node) {
      one.audio.volume = Math.min(1, gain);
      return;
    }
    const now = context.currentTime;
    one.node.gain.cancelScheduledValues(now);
    one.node.gain.setValueAtTime(one.node.gain.value, now);
    one.node.gain.linearRampToValueAtTime(Math.max(SILENT, gain), now + CROSS_S);
  }

  /** Load a side and put it at its moment. */
  async function prepare(one, { songId, start_s, end_s, label }) {
    const address = api.audioAddress(songId);
    Object.assign(one, { songId, start_s, end_s });
    one.name.textContent = label;
    const level = api.peaks(songId, 1, [start_s, end_s]);
    level.catch(() => {}); // heard below; a recording that fails comes first
    if (one.audio.getAttribute("src") !== address || one.audio.error) {
      one.audio.src = address;
      one.audio.load();
    }
    await until(one.audio, 1, "loadedmetadata");
    one.audio.currentTime = start_s;
    await until(one.audio, 3, "canplay");
    one.gain_db = (await level).gain_db;
    await one.voice.ready(start_s);
  }

  /** Gains that level both sides; never above 1 where only the volume can be set. */
  function level() {
    const highest = context ? 0 : Math.max(0, sides.a.gain_db, sides.b.gain_db);
    for (const one of Object.values(sides)) one.gain = 10 ** ((one.gain_db - highest) / 20);
  }

  async function switchTo(name) {
    const mine = asked;
    window.clearTimeout(timer);
    const [to, from] = name === "a" ? [sides.a, sides.b] : [sides.b, sides.a];
    try {
      if (to.audio.paused) await to.audio.play();
    } catch (error) {
      if (mine === asked) fail(error);
      return;
    }
    if (mine !== asked) return;
    sounding = name;
    show();
    fade(to, to.gain);
    fade(from, 0);
    window.setTimeout(() => {
      if (mine !== asked || sounding !== name) return;
      from.audio.pause();
      from.audio.currentTime = from.start_s; // it waits there for its next turn
    }, CROSS_S * 1000 + 30);
    timer = window.setTimeout(() => switchTo(name === "a" ? "b" : "a"), length_s * 1000);
  }

  function show() {
    for (const [name, one] of Object.entries(sides)) {
      one.button.setAttribute("aria-pressed", String(sounding === name));
    }
    bar.dataset.sounding = sounding ?? "";
    const names = { a: "A sounds: the query", b: "B sounds: the hit" };
    byId("ab-state").textContent = names[sounding] ?? "";
  }

  function fail(error) {
    stop();
    const why = error?.status ? error.message : "One of the two recordings cannot be played here.";
    sayError(why);
  }

  function stop() {
    asked += 1;
    window.clearTimeout(timer);
    sounding = null;
    for (const one of Object.values(sides)) {
      one.audio.pause();
      if (one.node) fade(one, 0);
    }
    bar.hidden = true;
    show();
    const tell = ended;
    ended = null;
    tell?.();
  }

  /** a, b: {songId, start_s, end_s, label}. onEnd(): when it has stopped, for whatever reason. */
  async function start(a, b, onEnd) {
    stop();
    const mine = asked;
    ended = onEnd;
    silence(sides.a.audio, sides.b.audio);
    bar.hidden = false;
    byId("ab-state").textContent = "Loading";
    length_s = Math.max(1, Math.min(LONGEST_S, a.end_s - a.start_s, b.end_s - b.start_s));
    try {
      await Promise.all([connect(), prepare(sides.a, a), prepare(sides.b, b)]);
      if (mine !== asked) return;
      level();
      await switchTo("a");
    } catch (error) {
      if (mine === asked) fail(error);
    }
  }

  const active = () => !bar.hidden;
  sides.a.button.addEventListener("click", () => sounding && sounding !== "a" && switchTo("a"));
  sides.b.button.addEventListener("click", () => sounding && sounding !== "b" && switchTo("b"));
  byId("ab-stop").addEventListener("click", stop);
  document.addEventListener("keydown", (event) => {
    if (!active() || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "escape") {
      stop();
    } else if (key === " ") {
      if (event.target.closest("button, summary, a")) return; // there it presses what has the focus
      event.preventDefault();
      stop();
    } else if ((key === "a" || key === "b") && sounding && sounding !== key) switchTo(key);
  });
  together([sides.a.audio, sides.b.audio], () => active() && stop());

  return { start, stop };
}

/** Wait until a media element is as ready as wanted. */
function until(audio, readyState, event) {
  if (audio.readyState >= readyState && !audio.seeking) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const events = [event, "seeked", "canplay"];
    const done = (settle, value) => {
      for (const name of events) audio.removeEventListener(name, look);
      audio.removeEventListener("error", fail);
      settle(value);
    };
    const look = () => {
      if (audio.readyState >= readyState && !audio.seeking) done(resolve);
    };
    const fail = () => done(reject, audio.error);
    for (const name of events) audio.addEventListener(name, look);
    audio.addEventListener("error", fail);
  });
}
