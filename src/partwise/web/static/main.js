// The main page: one question, and the parts of the page that show it and change it.

import * as api from "./api.js";
import { bar } from "./bar.js";
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
import * as state from "./state.js";
import { makeWave } from "./wave.js";

const TOP = 500;
const WITH_MOMENTS = 10;

const byId = (id) => document.getElementById(id);

let question = state.fromHash(location.hash);
let heard = PARTS; // the parts of the query, once `heardKey` is its key
let heardKey = "";
let answer = null; // of the server: {hits, table, question}
let comparisons = 0; // asked for so far: only the last one is played
let asking = null; // AbortController of the search under way

const current = () => question;
const keyOf = () => JSON.stringify(state.queryOf(question));

const comparison = makeComparison();
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
const files = makeFiles({ used: setQuery, songDropped: setQuery });
const picker = makePicker(setQuery);
const hits = makeHits({
  compare,
  stop: comparison.stop,
  momentsOf,
  failed: sayError,
  like: (hit) => {
    setQuery(songOf(hit));
    byId("query-title").scrollIntoView({ block: "center" });
  },
  seed: (part, hit) => setSeed(part, songOf(hit)),
  add: (hit) => {
    const song = songOf(hit);
    if (question.songs.some((other) => other.id === song.id)) return;
    question.songs.push(song);
    question.range = null;
    changed();
  },
});
byId("play-all").addEventListener("click", hits.playAll);
byId("find-radio").addEventListener("click", bar.toggleRadio);
bar.question = radioOf;
makeSharing({ ids: hits.shownIds, title: () => question.songs[0]?.name ?? "" });

function songOf(hit) {
  return { id: hit.track_id, name: hit.title, parts: hit.parts };
}

function setQuery(song) {
  comparison.stop();
  question.songs = [song];
  question.range = null;
  changed();
}

function setSeed(part, song) {
  question.seeds[part] = song;
  question.range = null;
  changed();
}

/** The question has changed: show it, keep it in the address, ask it. */
function changed() {
  clearError();
  const hash = state.toHash(question);
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", `#${hash}`);
  showQuestion();
  ask();
}

function showQuestion() {
  const empty = state.isEmpty(question);
  byId("asked").hidden = empty;
  showChosen();
  seeds.show();
  faders.show(heardKey === keyOf() ? heard : PARTS);
  const canRange = state.canHaveRange(question);
  const note = byId("range-note");
  note.hidden = empty || canRange;
  note.textContent = "A passage can be asked for when the query is one song.";
  wave.show(question.songs[0] ?? null, question.range, canRange).catch(sayError);
}

function showChosen() {
  const items = question.songs.map((song) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = song.name || "…";
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "quiet";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${song.name} from the query`);
    remove.addEventListener("click", () => {
      question.songs = question.songs.filter((other) => other !== song);
      question.range = null;
      changed();
      picker.focus();
      picker.close();
    });
    item.append(name, remove);
    return item;
  });
  byId("chosen").replaceChildren(...items);
}

/** The weights as asked for the parts that the query has. */
const weights = () => state.weightsOf(question, heard);

/** While a fader moves: the hits at hand in their new order, without the server. */
function reorder() {
  if (!answer) return;
  const began = performance.now();
  const ranked = rank(answer.table, weights());
  noteWeights(ranked !== null);
  if (!ranked) return;
  hits.reorder(ranked);
  performance.measure("rerank", { start: began, end: performance.now() });
}

function noteWeights(some) {
  const absent = PARTS.filter((part) => !heard.includes(part));
  let note = "";
  if (!some) note = "Every part is at zero: raise a fader.";
  else if (answer && absent.length) note = `The query has no ${listed(absent, "or")}.`;
  byId("mixer-note").textContent = note;
}

async function ask() {
  asking?.abort();
  if (state.isEmpty(question)) {
    showNothing();
    return;
  }
  asking = new AbortController();
  const { signal } = asking;
  byId("hits").setAttribute("aria-busy", "true");
  try {
    const key = keyOf();
    if (heardKey !== key) {
      const probe = { ...state.queryOf(question), weights: null, top: 1, moments: 0 };
      ({ parts: heard } = (await api.search(probe, signal)).query);
      heardKey = key;
      hits.startOver();
      faders.show(heard);
    }
    const asked = searchOf();
    if (!PARTS.some((part) => asked.weights[part] > 0)) {
      noteWeights(false);
      return;
    }
    showAnswer(await api.search(asked, signal));
  } catch (error) {
    if (error.name === "AbortError") return;
    sayError(error);
  } finally {
    if (asking?.signal === signal) byId("hits").removeAttribute("aria-busy");
  }
}

function searchOf() {
  return {
    ...state.queryOf(question),
    weights: weights(),
    top: TOP,
    moments: WITH_MOMENTS,
    max_per_artist: question.max_per_artist || null,
    include_duplicates: question.include_duplicates,
    filter: state.filterOf(question),
  };
}

/** What part radio plays on from: the question, and its song if it is one. */
function radioOf() {
  if (!answer || state.isEmpty(question)) return null;
  const { top, moments, max_per_artist, ...asked } = searchOf();
  const alone = question.songs.length === 1 && !Object.keys(question.seeds).length;
  return { asked, song: alone ? question.songs[0] : null };
}

function showAnswer(found) {
  const table = tableOf(found.hits);
  answer = { hits: found.hits, table, query: found.query };
  named(found.query.songs);
  const ranked = rank(table, weights());
  noteWeights(ranked !== null);
  const untouched = { order: found.hits.map((_, i) => i), scores: found.hits.map((hit) => hit.score) };
  hits.show(found.hits, ranked ?? untouched);
  for (const id of ["play-all", "find-radio"]) byId(id).disabled = !found.hits.length;
  suggest(weights());
  bar.steered();
  const count = found.hits.length;
  const took = Math.max(1, Math.round(found.took_ms));
  byId("hits-state").textContent = `${count} hit${count === 1 ? "" : "s"} in ${took} ms`;
  const none = byId("hits-none");
  none.hidden = count > 0;
  none.textContent = "Nothing in the library fits: loosen the filters.";
}

function showNothing() {
  answer = null;
  for (const id of ["play-all", "find-radio"]) byId(id).disabled = true;
  hits.show([], { order: [], scores: [] });
  byId("hits-state").textContent = "";
  byId("hits-none").hidden = false;
  byId("hits-none").textContent = "Pick a song above: what is alike in the parts you mean appears here.";
  byId("mixer-note").textContent = "";
}

/** Songs that came by a link get their names from the answer. */
function named(songs) {
  const names = new Map(songs.map((song) => [song.song_id, song.name]));
  let learned = false;
  for (const song of [...question.songs, ...Object.values(question.seeds)]) {
    if (song.name || !names.has(song.id)) continue;
    song.name = names.get(song.id);
    learned = true;
  }
  if (!learned) return;
  showChosen();
  seeds.show();
}

async function momentsOf(hit) {
  if (hit.moments.length) return hit.moments;
  const asked = { ...state.queryOf(question), weights: weights(), track_id: hit.track_id };
  hit.moments = (await api.moments(asked)).moments;
  return hit.moments;
}

/** Play a hit against the query, at the best moment unless one is named. */
async function compare(hit, moment, done) {
  clearError();
  const mine = (comparisons += 1);
  try {
    const chosen = moment ?? (await momentsOf(hit))[0];
    if (mine !== comparisons) return;
    if (!chosen) throw new Error("No passage of this hit matches the query.");
    const side = heaviestSide(chosen.query);
    const name = answer.query.songs.find((song) => song.song_id === side.song_id)?.name ?? "query";
    const a = { songId: side.song_id, start_s: side.start_s, end_s: side.end_s, label: name };
    const b = { songId: hit.track_id, start_s: chosen.start_s, end_s: chosen.end_s, label: hit.title };
    await comparison.start(a, b, done);
  } catch (error) {
    done();
    sayError(error);
  }
}

/** Of a query of several songs, the passage that gives the parts that weigh most. */
function heaviestSide(sides) {
  const asked = weights();
  const weight = (side) => side.parts.reduce((sum, part) => sum + asked[part], 0);
  return sides.reduce((best, side) => (weight(side) > weight(best) ? side : best));
}

window.addEventListener("hashchange", () => {
  if (location.hash.slice(1) === state.toHash(question)) return;
  question = state.fromHash(location.hash);
  filters.show();
  changed();
});

filters.show();
if (state.isEmpty(question)) showQuestion();
else changed();
