// The page that asks the demo library without a server: a song, five faders, and the hits in their
// order of the moment. Faders, ranking, the question and A/B are the product's own modules.

import { hitsOf, load, momentOf } from "./try-answers.js";
import { makeFaders } from "./faders.js";
import { PARTS, listed } from "./parts.js";
import { makeComparison } from "./player.js";
import { rank, tableOf } from "./rank.js";
import { makeRows } from "./try-rows.js";
import { clearError, sayError } from "./say.js";
import * as state from "./state.js";

const byId = (id) => document.getElementById(id);

const chooser = byId("song");
const listen = byId("listen");
let question = state.fromHash(location.hash);
let library = null;
let query = null; // the song that is asked about
let answer = null; // {hits, table}

const comparison = makeComparison();
const faders = makeFaders(() => question, { moving: reorder, settled });
const rows = makeRows(byId("hits"), { play, compare, like: (song) => choose(song.id) });

/** The weights as asked for the parts that the query has. */
const weights = () => state.weightsOf(question, query.parts);

function choose(songId) {
  question.songs = [{ id: songId, name: "", parts: null }];
  comparison.stop();
  show();
  settled();
}

/** Show the question, and answer it. */
function show() {
  const asked = question.songs[0]?.id;
  query = library.songs.find((song) => song.id === asked) ?? firstSong();
  chooser.value = query.id;
  offer(query);
  faders.show(query.parts);
  const hits = hitsOf(query);
  answer = { hits, table: tableOf(hits) };
  rows.show(query, hits);
  reorder();
}

/** A song in which every part is heard. */
function firstSong() {
  return library.songs.find((song) => song.parts.length === PARTS.length) ?? library.songs[0];
}

/** The hits in the order of the moment, many times a second while a fader moves. */
function reorder() {
  if (!answer) return;
  const asked = weights();
  const ranked = rank(answer.table, asked);
  const absent = PARTS.filter((part) => !query.parts.includes(part));
  let note = absent.length ? `The query has no ${listed(absent, "or")}.` : "";
  if (!ranked) note = "Every part is at zero: raise a fader.";
  byId("mixer-note").textContent = note;
  if (ranked) rows.reorder(ranked, asked);
}

/** What is kept and said once a fader is let go. */
function settled() {
  clearError();
  history.replaceState(null, "", `#${state.toHash({ ...question, songs: [query] })}`);
  const wanted = PARTS.filter((part) => weights()[part] > 0);
  byId("hits-state").textContent = wanted.length
    ? `${answer.hits.length} pieces, the most alike in ${listed(wanted)} first`
    : "";
}

// --- listening

/** Put a song into the player above the faders. */
function offer(song) {
  if (listen.dataset.songId === song.id) return;
  listen.dataset.songId = song.id;
  listen.src = song.audio;
  listen.setAttribute("aria-label", `Listen to ${song.title}`);
  byId("listening").textContent = song === query ? "" : song.title; // the query's name stands above
}

async function play(song) {
  if (listen.dataset.songId === song.id && !listen.paused) {
    listen.pause();
    return;
  }
  offer(song);
  await listen.play().catch(() => sayError(`${song.title} cannot be played in this browser.`));
}

/** The matching moments of query and hit in turn. done(): when that has stopped. */
async function compare(hit, done) {
  clearError();
  if (!Object.values(weights()).some((weight) => weight > 0)) {
    sayError("Every part is at zero: raise a fader.");
    done();
    return;
  }
  const moment = momentOf(query, hit.song, weights());
  const a = { songId: query.id, ...moment.query, label: query.title };
  const b = { songId: hit.song.id, start_s: moment.start_s, end_s: moment.end_s, label: hit.song.title };
  await comparison.start(a, b, done);
}

for (const event of ["play", "pause", "ended"]) {
  listen.addEventListener(event, () => rows.playing(listen.paused ? null : listen.dataset.songId));
}
byId("hits").addEventListener("partwise:stop", comparison.stop);
chooser.addEventListener("change", () => choose(chooser.value));
window.addEventListener("hashchange", () => {
  question = state.fromHash(location.hash);
  show();
  settled();
});

try {
  library = await load();
  chooser.append(...library.songs.map((song) => new Option(song.title, song.id)));
  if (!location.hash) question.solo.add("drums"); // the idea at a glance: one part, not the whole
  show();
  settled();
} catch (error) {
  sayError(error);
}
