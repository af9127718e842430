// The main page: one question, and the parts of the page that show it and change it.

import { makeAddresses } from "./addresses.js";
import { makeAsking } from "./asking.js";
import { bar } from "./bar.js";
import { makeChosen } from "./chosen.js";
import { makeComparing } from "./comparing.js";
import { makeFaders } from "./faders.js";
import { makeFiles } from "./files.js";
import { makeFilters } from "./filters.js";
import { makeHits } from "./hits.js";
import { PARTS, listed } from "./parts.js";
import { makePicker } from "./picker.js";
import { makeComparison } from "./player.js";
import { rank, tableOf } from "./rank.js";
import { suggest } from "./reason.js";
import { clearError, sayError } from "./say.js";
import { makeSeeds } from "./seeds.js";
import { makeSharing } from "./sharing.js";
import { makeStart } from "./start.js";
import * as state from "./state.js";
import { makeUsual } from "./usual.js";
import { makeWave } from "./wave.js";

const byId = (id) => document.getElementById(id);

let question = state.newQuestion();
let answer = null; // of the server: {hits, table, query}
let byChance = false; // nobody has chosen the song of the question
let waveDue = false; // the wave shows another question: it waits for the first hits

const current = () => question;

const addresses = makeAddresses((restored) => {
  question = restored;
  byChance = false;
  filters.show();
  changed();
});
const asking = makeAsking(current, {
  learned: () => {
    answer = null; // of another query
    faders.show(asking.heard());
  },
  found: showAnswer,
  silent: showSilence,
  failed: sayError,
  busy: (whether) => {
    if (!whether) showWave();
    if (whether) byId("hits").setAttribute("aria-busy", "true");
    else byId("hits").removeAttribute("aria-busy");
  },
});
const usual = makeUsual({
  changed: () => hits.usual(usual.levels()),
  busy: (whether) => byId("hits").toggleAttribute("data-levels-due", whether),
});
const comparison = makeComparison();
const { compare, momentsOf } = makeComparing({
  question: current,
  weights: asking.weights,
  songs: () => answer.query.songs,
  player: comparison,
});
const wave = makeWave((range) => {
  question.range = range;
  changed();
});
const faders = makeFaders(current, { moving: reorder, settled: changed });
const seeds = makeSeeds(current, {
  seeded: setSeed,
  removed: (part) => {
    delete question.seeds[part];
    changed();
  },
  dropped: async (part, file) => {
    const song = await files.send(file);
    if (song) setSeed(part, song);
  },
});
const filters = makeFilters(current, changed);
const files = makeFiles({ used: pick, songDropped: pick });
const picker = makePicker(pick);
const chosen = makeChosen(byId("chosen"), {
  words: (song) => `Remove ${song.name} from the query`,
  removed: (song) => {
    question.songs = question.songs.filter((other) => other !== song);
    question.range = null;
    changed();
    picker.focus();
    picker.close();
  },
});
const less = makeChosen(byId("less-list"), {
  words: (song) => `No longer less like ${song.name}`,
  removed: (song) => {
    question.less_like = question.less_like.filter((other) => other !== song);
    changed();
    byId("hits-title").focus({ preventScroll: true });
  },
});
const start = makeStart((song) => {
  newQuestion(song);
  byChance = true;
  changed();
});
const sharing = makeSharing({
  ids: () => hits.takenIds(),
  none: () => hits.chooseNone(),
  title: () => state.labelOf(question),
});
const hits = makeHits({
  compare,
  stop: comparison.stop,
  momentsOf,
  failed: sayError,
  like: (hit) => {
    newQuestion(songOf(hit));
    changed();
    if (window.scrollY > 0) window.scrollTo({ top: 0 });
  },
  seed: (part, hit) => setSeed(part, songOf(hit)),
  add: (hit) => {
    const song = songOf(hit);
    if (question.songs.some((other) => other.id === song.id)) return;
    question.songs.push(song);
    question.range = null;
    changed();
  },
  less: (hit) => {
    question.less_like.push(songOf(hit));
    byChance = false;
    changed();
  },
  chosen: sharing.show,
});

byId("play-all").addEventListener("click", hits.playAll);
byId("find-radio").addEventListener("click", bar.toggleRadio);
bar.question = radioOf;

function songOf(hit) {
  return { id: hit.track_id, name: hit.title, parts: hit.parts };
}

/** Another question about one song: faders and filters stay, what was asked before goes. */
function newQuestion(song) {
  comparison.stop();
  question.songs = [song];
  question.seeds = {};
  question.less_like = [];
  question.range = null;
  byChance = false;
}

/** A song from the picker, or a file: beside songs for single parts it is what was missing. */
function pick(song) {
  const { seeds: given, songs } = question;
  newQuestion(song);
  if (!songs.length) question.seeds = given;
  changed();
}

function setSeed(part, song) {
  byChance = false;
  question.seeds[part] = song;
  question.range = null;
  changed();
}

/** What part radio plays on from: the question, and its song if it is one. */
function radioOf() {
  if (!answer || state.isEmpty(question)) return null;
  const { max_per_artist, max_per_album, ...asked } = asking.asked();
  const alone = question.songs.length === 1 && !Object.keys(question.seeds).length;
  return { asked, song: alone ? question.songs[0] : null };
}

/** The question has changed: ask it, keep it in the address, show it. */
function changed({ replace = false } = {}) {
  clearError();
  if (state.isEmpty(question)) showNothing();
  else asking.ask(); // before the rest: the server works meanwhile
  addresses.keep(question, { replace });
  showQuestion();
}

function showQuestion() {
  const empty = state.isEmpty(question);
  start.show(empty || byChance);
  byId("asked").hidden = empty;
  showNames();
  faders.show(asking.heard());
  const note = byId("range-note");
  note.hidden = empty || state.canHaveRange(question);
  note.textContent = "A passage can be asked for when the query is one song.";
  waveDue = true;
  if (empty || asking.knows()) showWave();
}

/** The songs of the question, by name. */
function showNames() {
  chosen.show(question.songs);
  less.show(question.less_like);
  byId("less").hidden = question.less_like.length === 0;
  seeds.show();
}

/** Measuring a wave is work for the server: the first hits come before it. */
function showWave() {
  if (!waveDue) return;
  waveDue = false;
  const { songs, range } = question;
  wave.show(songs[0] ?? null, range, state.canHaveRange(question)).catch(sayError);
}

/** While a fader moves: the hits at hand in their new order, without the server. */
function reorder() {
  if (!answer) return;
  const began = performance.now();
  const ranked = rank(answer.table, asking.weights());
  if (!ranked) {
    showSilence();
    return;
  }
  byId("hits-none").hidden = true;
  canPlay(answer.hits.length > 0);
  noteAbsent();
  hits.reorder(ranked);
  performance.measure("rerank", { start: began, end: performance.now() });
  askUsual();
}

function askUsual() {
  const passage = state.queryOf(question).range !== null;
  usual.ask(asking.weights(), passage);
}

function noteAbsent() {
  const heard = asking.heard();
  const absent = PARTS.filter((part) => !heard.includes(part));
  byId("mixer-note").textContent = absent.length ? `The query has no ${listed(absent, "or")}.` : "";
}

/** whole: no other hits of this question follow. */
function showAnswer(found, whole) {
  answer = { hits: found.hits, table: tableOf(found.hits), query: found.query };
  const { table } = answer;
  const ranked = rank(table, asking.weights());
  if (!ranked) return; // every part was muted meanwhile
  hits.show(found.hits, ranked, asking.key(), whole);
  askUsual();
  noteAbsent();
  suggest(asking.weights());
  bar.steered();
  named([...found.query.songs, ...found.query.less_like]);
  if (whole) showCount(found);
  requestAnimationFrame(() => setTimeout(showWave)); // when these hits have been painted
}

function canPlay(some) {
  for (const id of ["play-all", "find-radio"]) byId(id).disabled = !some;
}

function showCount(found) {
  const count = found.hits.length;
  canPlay(count > 0);
  const took = Math.max(1, Math.round(found.took_ms));
  byId("hits-state").textContent = `${count} hit${count === 1 ? "" : "s"}`;
  byId("hits-took").textContent = `in ${took} ms`;
  const none = byId("hits-none");
  none.hidden = count > 0;
  none.textContent = "Nothing in the library fits: loosen the filters.";
}

/** No part counts: old hits would answer a question that is asked no more. */
function showSilence() {
  hits.clear();
  canPlay(false);
  byId("hits-state").textContent = byId("hits-took").textContent = "";
  byId("hits-none").hidden = false;
  byId("hits-none").textContent = state.howToHear(question, asking.heard());
  byId("mixer-note").textContent = "Every part is at zero.";
}

function showNothing() {
  asking.stop();
  answer = null;
  hits.clear();
  canPlay(false);
  byId("hits-state").textContent = byId("hits-took").textContent = "";
  byId("hits-none").hidden = false;
  byId("hits-none").textContent = "Pick a song above: what is alike in the parts you mean appears here.";
  byId("mixer-note").textContent = "";
}

/** Songs that came by a link get their names from the answer. */
function named(songs) {
  const names = new Map(songs.map((song) => [song.song_id, song.name]));
  let learned = false;
  for (const song of state.songsOf(question)) {
    if (song.name || !names.has(song.id)) continue;
    song.name = names.get(song.id);
    learned = true;
  }
  if (!learned) return;
  showNames();
  addresses.keep(question);
}

// A link into the page would take the question's place in the address.
for (const link of document.querySelectorAll("a.skip")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const target = link.id === "skip-to-hits" ? byId("hits") : byId("main");
    target.scrollIntoView({ block: "start" });
    target.focus({ preventScroll: true });
  });
}

question = addresses.read();
if (state.isEmpty(question)) {
  const song = start.chance();
  if (song) {
    question.songs = [song];
    byChance = true;
  }
}
filters.show();
changed({ replace: true });
