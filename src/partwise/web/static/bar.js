// The player bar at the bottom of every page: one song after another, from a queue that outlasts
// the page. Others on the page start songs with it and hear of changes.

import * as api from "./api.js";
import { bindKeys } from "./keys.js";
import { read, write } from "./kept.js";
import { bindMediaKeys, showMedia, showMediaTime } from "./media-session.js";
import "./one.js";
import { clock, listed } from "./parts.js";
import { Queue } from "./queue.js";
import { showQueue } from "./queue-panel.js";
import { makeRadio } from "./radio.js";
import { join, toggle as toggleReason, told } from "./reason.js";
import { nextRow, playRow } from "./rows.js";
import { clearError, sayError } from "./say.js";
import { makeVoice } from "./voice.js";

const KEEP_EVERY_S = 2;
const SEEK_S = 5;
const VOLUME_STEP = 0.05;
const RESTART_S = 3; // "previous" later than this starts the same song again
const MOST_FAILURES = 3; // in a row, then it stops

const byId = (id) => document.getElementById(id);
const audio = byId("bar-audio");
const events = new EventTarget();
let queue = new Queue();
let loaded = null; // id of the song in the element
let failures = 0;
let seeking = false; // the slider is held
let keptAt_s = 0;
let question = () => null; // of the page: {asked, song: {id, name} or null}

const radio = makeRadio(() => queue, {
  changed,
  ended: () => note("Radio has played every track with these parts."),
});
const panel = showQueue({
  jump: (item) => queue.jump(item.key) && begin(),
  remove: (item) => {
    if (queue.remove(item.key)) begin(0, !audio.paused);
    else changed();
    radio.on && radio.started(queue.current ?? item);
  },
  move: (item, to) => queue.move(item.key, to) && changed(),
  clear: () => {
    queue.clearComing();
    if (radio.on) radio.stop();
    changed();
  },
});
join(makeVoice(audio, () => loaded, told));

// --- what is played

/** Put the current song into the element, at a time, and play it. */
async function begin(start_s = 0, play = true) {
  const song = queue.current;
  clearError();
  note("");
  if (!song) {
    audio.pause();
    audio.removeAttribute("src");
    loaded = null;
    changed();
    return;
  }
  if (loaded !== song.id || audio.error) {
    loaded = song.id;
    audio.src = api.audioAddress(song.id);
  }
  if (start_s > 0 || audio.currentTime > 0) audio.currentTime = start_s;
  changed();
  radio.started(song);
  describe(song);
  if (!play) return;
  try {
    await audio.play();
    failures = 0;
  } catch (error) {
    if (loaded !== song.id || error.name === "AbortError") return;
    if (error.name === "NotAllowedError") note("Press play to go on.");
    else failed(song);
  }
}

/** Names of a song that came without them: a link holds ids alone. */
async function describe(song) {
  if (song.title && song.duration_s && song.artist !== undefined) return;
  try {
    const { title, artist, duration_s, has_cover } = await api.track(song.id);
    Object.assign(song, { title, artist, duration_s, has_cover });
    changed();
  } catch {
    // the element says it better
  }
}

function failed(song) {
  sayError(`${song.title || "This song"} cannot be played: its file may be gone.`);
  failures += 1;
  if (failures < MOST_FAILURES && queue.step(1)) begin();
  else changed();
}

function next(byHand = true) {
  const { current } = queue;
  if (!current) return;
  const share = audio.duration > 0 ? audio.currentTime / audio.duration : 0;
  if (queue.step(1)) begin();
  else if (!byHand) audio.pause();
  if (byHand) radio.left(current, share);
}

function previous() {
  if (audio.currentTime > RESTART_S || !queue.step(-1)) seek(0);
  else begin();
}

function toggle() {
  if (!queue.current) return;
  if (!audio.paused) audio.pause();
  else if (loaded) audio.play().catch(() => failed(queue.current));
  else begin();
}

function seek(time_s) {
  const end = Number.isFinite(audio.duration) ? audio.duration : queue.current?.duration_s;
  if (!queue.current) return;
  audio.currentTime = Math.max(0, Math.min(time_s, end ?? time_s));
  showTime();
}

function setVolume(volume, muted = false) {
  audio.volume = Math.max(0, Math.min(1, volume));
  audio.muted = muted;
  write("volume", { volume: audio.volume, muted }, "local");
}

function toggleRadio() {
  if (radio.on) {
    radio.stop();
    return;
  }
  clearError();
  const asked = question();
  if (asked) {
    const { song } = asked;
    if (song && queue.current?.id !== song.id) {
      queue.play([{ id: song.id, title: song.name }]);
      begin();
    }
    radio.start(asked.asked).then(() => queue.current || (queue.step(1) && begin()));
  } else if (queue.current) radio.start({ songs: [queue.current.id] });
  changed();
}

// --- showing it

function note(text) {
  byId("bar-note").textContent = text;
}

function changed() {
  const song = queue.current;
  byId("bar").hidden = !song;
  document.body.classList.toggle("has-bar", Boolean(song));
  if (song) showSong(song);
  byId("bar-radio").setAttribute("aria-pressed", String(radio.on));
  const kept = radio.kept.length ? `: keeps ${listed(radio.kept)}` : "";
  byId("bar-radio").title = radio.on ? `Radio plays on${kept}` : "Play on like this, without an end";
  byId("bar-next").disabled = !queue.coming.length;
  panel.show(queue);
  showPlaying();
  write("queue", { queue, radio });
  keepTime();
  events.dispatchEvent(new Event("change"));
}

function showSong({ id, title, artist, duration_s, has_cover }) {
  byId("bar-title").textContent = title || "…";
  byId("bar-artist").textContent = artist ?? "";
  byId("bar-like").href = `./#songs=${id}`;
  const cover = byId("bar-cover");
  cover.hidden = !has_cover;
  if (has_cover) cover.src = api.coverAddress(id);
  byId("bar-seek").max = String(duration_s || audio.duration || 1);
  byId("bar-length").textContent = duration_s ? clock(duration_s) : "";
}

function showPlaying() {
  const playing = !audio.paused && Boolean(queue.current);
  byId("bar-play").setAttribute("aria-label", playing ? "Pause" : "Play");
  byId("bar").dataset.playing = String(playing);
  showMedia(queue.current, playing);
}

function showTime() {
  const time = audio.currentTime;
  byId("bar-at").textContent = clock(time);
  const slider = byId("bar-seek");
  if (!seeking) slider.value = String(time);
  slider.setAttribute("aria-valuetext", `${clock(time)} of ${byId("bar-length").textContent}`);
  if (Math.abs(time - keptAt_s) >= KEEP_EVERY_S) keepTime();
  events.dispatchEvent(new Event("time"));
}

function showVolume() {
  const off = audio.muted || audio.volume === 0;
  byId("bar-volume").value = String(audio.muted ? 0 : audio.volume);
  byId("bar-mute").setAttribute("aria-pressed", String(off));
}

// --- from page to page

function keepTime() {
  keptAt_s = audio.currentTime;
  write("at", { time_s: keptAt_s, playing: !audio.paused });
}

function restore() {
  const saved = read("queue");
  const at = read("at");
  queue = Queue.of(saved?.queue);
  if (saved?.radio) radio.resume(saved.radio);
  if (queue.current) begin(at?.time_s ?? 0, Boolean(at?.playing));
}

window.addEventListener("pagehide", keepTime);
window.addEventListener("pageshow", (event) => event.persisted && restore());

// --- controls

new ResizeObserver(([{ target }]) => {
  document.body.style.setProperty("--bar-height", `${target.offsetHeight}px`);
}).observe(byId("bar"));
byId("bar-play").addEventListener("click", toggle);
byId("bar-next").addEventListener("click", () => next());
byId("bar-previous").addEventListener("click", previous);
byId("bar-radio").addEventListener("click", toggleRadio);
byId("bar-mute").addEventListener("click", () => setVolume(audio.volume || 0.5, !audio.muted));
byId("bar-volume").addEventListener("input", (event) => setVolume(Number(event.target.value)));
byId("bar-seek").addEventListener("input", (event) => {
  seeking = true;
  byId("bar-at").textContent = clock(Number(event.target.value));
});
byId("bar-seek").addEventListener("change", (event) => {
  seeking = false;
  seek(Number(event.target.value));
});
byId("bar-cover").addEventListener("error", (event) => {
  event.target.hidden = true;
});
for (const name of ["play", "pause"]) {
  audio.addEventListener(name, () => {
    showPlaying();
    events.dispatchEvent(new Event("change"));
  });
}
audio.addEventListener("timeupdate", showTime);
audio.addEventListener("seeked", () => showMediaTime(audio));
audio.addEventListener("loadedmetadata", () => {
  byId("bar-seek").max = String(audio.duration);
  byId("bar-length").textContent = clock(audio.duration);
  showMediaTime(audio);
});
audio.addEventListener("ended", () => next(false));
audio.addEventListener("volumechange", showVolume);

const by = (seconds) => seek(audio.currentTime + seconds);
const louder = (step) => setVolume(audio.volume + step);
const inBar = (target) => Boolean(target.closest("#bar"));
const onPage = (target) => inBar(target) || target === document.body || target.id === "main";
bindMediaKeys({ play: toggle, pause: () => audio.pause(), next, previous, seek, by });
bindKeys(
  [
    { keys: [" "], words: "play or pause; where a button has the focus, that one", act: toggle },
    { keys: ["j", "k"], words: "next or previous row; where there are none, song", act: ({ key }) => {
      if (!nextRow(key === "j" ? 1 : -1)) (key === "j" ? next : previous)();
    } },
    { keys: ["Enter"], words: "on a row: open it" },
    { keys: ["p"], words: "play the row that has the focus", act: () => playRow() },
    { keys: ["J", "K"], words: "next or previous song", act: ({ key }) => (key === "J" ? next : previous)() },
    { keys: ["ArrowLeft", "ArrowRight"], words: "back or on by 5 seconds", where: onPage,
      act: ({ key }) => queue.current ? by(key === "ArrowLeft" ? -SEEK_S : SEEK_S) : false },
    { keys: ["ArrowUp", "ArrowDown"], words: "louder or softer, with the focus in the player", where: inBar,
      act: ({ key }) => louder(key === "ArrowUp" ? VOLUME_STEP : -VOLUME_STEP) },
    { keys: ["m"], words: "sound off or on", act: () => setVolume(audio.volume, !audio.muted) },
    { keys: ["q"], words: "the queue", act: () => queue.current && panel.toggle() },
    { keys: ["r"], words: "part radio", act: toggleRadio },
    { keys: ["o"], words: "only the chosen part, or everything again", act: () => toggleReason() },
    { keys: ["a", "b"], words: "in an A/B comparison: switch to that side" },
    { keys: ["?"], words: "this list" },
  ],
  { busy: () => byId("ab")?.hidden === false },
);

const volume = read("volume", "local");
if (volume) setVolume(volume.volume ?? 1, Boolean(volume.muted));
showVolume();
restore();

export const bar = {
  /** "change" and "time". */
  events,
  get song() {
    return queue.current;
  },
  get playing() {
    return !audio.paused;
  },
  get time_s() {
    return audio.currentTime;
  },
  /** Play a list of songs from one of them on; the same song again pauses it, or goes on. */
  play(songs, index = 0, start_s = 0) {
    if (radio.on) radio.stop();
    queue.play(songs, index);
    begin(start_s);
  },
  /** Whether a song is the current one. */
  has: (id) => queue.current?.id === id,
  toggle,
  seek,
  playNext(song) {
    queue.addNext(song);
    if (queue.at < 0) queue.step(1) && begin();
    else changed();
  },
  playLater(song) {
    queue.addLast(song);
    if (queue.at < 0) queue.step(1) && begin();
    else changed();
  },
  toggleRadio,
  /** What radio starts from here: () => {asked, song} or null. */
  set question(of) {
    question = of;
  },
  /** The question was asked with other weights or filters. */
  steered: () => question() && radio.steer(question().asked),
};
