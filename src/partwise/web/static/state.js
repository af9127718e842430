// The question that the page asks, and its form in the address: what stands behind the # is the
// link to share. songs and seeds: {id, name, parts}. Everything else is plain values.

import * as conditions from "./conditions.js";
import { PARTS, clock, listed } from "./parts.js";

const SONG_ID = /^(upload-[0-9a-f]{32}|[0-9a-f]{16,64})$/;
const MOST_SONGS = 20;

export function newQuestion() {
  return {
    songs: [], // the query; averaged when several
    seeds: {}, // part -> the song that this part is taken from
    faders: Object.fromEntries(PARTS.map((part) => [part, 1])),
    solo: new Set(),
    mute: new Set(),
    less_like: [], // songs that hits are to be less like
    range: null, // [start_s, end_s] of the one song
    ...conditions.noConditions(),
  };
}

export function isEmpty(question) {
  return question.songs.length === 0 && Object.keys(question.seeds).length === 0;
}

/** All songs that a question names. */
export function songsOf(question) {
  return [...question.songs, ...Object.values(question.seeds), ...question.less_like];
}

/** A question in a few words; "" while the name of one of its songs is not known. */
export function labelOf(question) {
  if (songsOf(question).some((song) => !song.name)) return "";
  const words = question.songs.map((song) => song.name);
  const seeds = new Map();
  for (const part of PARTS) {
    const seed = question.seeds[part];
    if (seed) seeds.set(seed.name, [...(seeds.get(seed.name) ?? []), part]);
  }
  for (const [name, parts] of seeds) words.push(`${listed(parts)} of ${name}`);
  const range = canHaveRange(question) ? question.range : null;
  const less = question.less_like.map((song) => song.name);
  return [
    words.join(" + "),
    range ? ` ${range.map(clock).join("–")}` : "",
    less.length ? `, less like ${listed(less)}` : "",
  ].join("");
}

/** A passage belongs to one song alone. */
export function canHaveRange(question) {
  return question.songs.length === 1 && Object.keys(question.seeds).length === 0;
}

/** {part: weight} as the faders, solo and mute say, 0 for parts outside `heard`. */
export function weightsOf(question, heard = PARTS) {
  const soloed = PARTS.filter((part) => question.solo.has(part) && heard.includes(part));
  return Object.fromEntries(
    PARTS.map((part) => {
      const off = !heard.includes(part) || (soloed.length ? !soloed.includes(part) : question.mute.has(part));
      return [part, off ? 0 : question.faders[part]];
    }),
  );
}

/** What to do where no part weighs anything. */
export function howToHear(question, heard = PARTS) {
  const muted = heard.filter((part) => question.mute.has(part));
  const low = heard.filter((part) => question.faders[part] === 0);
  if (muted.length === heard.length) return "Every part is muted: unmute one (M), or solo one (S).";
  if (low.length === heard.length) return "Every fader is at zero: raise that of a part that you mean.";
  return "No part counts: raise a fader, or unmute a part (M).";
}

/** What the query is, without weights and filters: the same key has the same parts. */
export function queryOf(question) {
  return {
    songs: question.songs.map((song) => song.id),
    per_part_of: Object.fromEntries(
      PARTS.filter((part) => question.seeds[part]).map((part) => [part, question.seeds[part].id]),
    ),
    less_like: question.less_like.map((song) => ({ song: song.id })),
    range: canHaveRange(question) ? question.range : null,
  };
}

/** The question as text for the address, without "#". */
export function toHash(question) {
  const fields = new URLSearchParams();
  if (question.songs.length) fields.set("songs", question.songs.map((song) => song.id).join(","));
  for (const part of PARTS) {
    if (question.seeds[part]) fields.set(part, question.seeds[part].id);
  }
  const moved = PARTS.filter((part) => question.faders[part] !== 1);
  if (moved.length) fields.set("w", moved.map((part) => `${part}:${question.faders[part]}`).join(","));
  if (question.solo.size) fields.set("solo", [...question.solo].join(","));
  if (question.mute.size) fields.set("mute", [...question.mute].join(","));
  if (question.less_like.length) fields.set("less", question.less_like.map((song) => song.id).join(","));
  if (question.range) fields.set("range", question.range.map((time) => time.toFixed(1)).join("-"));
  conditions.write(question, fields);
  return fields.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** The question that an address holds; what makes no sense in it is left out. */
export function fromHash(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const question = { ...newQuestion(), ...conditions.read(fields) };
  question.songs = songsIn(fields.get("songs"));
  question.less_like = songsIn(fields.get("less"));
  for (const part of PARTS) {
    const id = fields.get(part) ?? "";
    if (SONG_ID.test(id)) question.seeds[part] = unnamed(id);
  }
  for (const item of (fields.get("w") ?? "").split(",")) {
    const [part, value] = item.split(":");
    const weight = conditions.number(value);
    if (PARTS.includes(part) && weight !== null) question.faders[part] = Math.min(1, weight);
  }
  for (const name of ["solo", "mute"]) {
    const parts = (fields.get(name) ?? "").split(",");
    question[name] = new Set(parts.filter((part) => PARTS.includes(part)));
  }
  const [start, end] = (fields.get("range") ?? "").split("-").map(conditions.number);
  if (typeof start === "number" && typeof end === "number" && start < end) question.range = [start, end];
  return question;
}

function songsIn(text) {
  const ids = (text ?? "").split(",").filter((id) => SONG_ID.test(id));
  return [...new Set(ids)].slice(0, MOST_SONGS).map(unnamed);
}

function unnamed(id) {
  return { id, name: "", parts: null };
}
