// The question that the page asks, and its form in the address: what stands behind the # is the
// link to share. songs and seeds: {id, name, parts}. Everything else is plain values.

import { PARTS, clock, listed } from "./parts.js";

const SONG_ID = /^(upload-[0-9a-f]{32}|[0-9a-f]{16,64})$/;
const NUMBERS = {
  year_from: "year-from",
  year_to: "year-to",
  duration_from_s: "from-s",
  duration_to_s: "to-s",
};

export function newQuestion() {
  return {
    songs: [], // the query; averaged when several
    seeds: {}, // part -> the song that this part is taken from
    faders: Object.fromEntries(PARTS.map((part) => [part, 1])),
    solo: new Set(),
    mute: new Set(),
    range: null, // [start_s, end_s] of the one song
    text: "",
    year_from: null,
    year_to: null,
    duration_from_s: null,
    duration_to_s: null,
    max_per_artist: null,
    include_duplicates: false,
  };
}

export function isEmpty(question) {
  return question.songs.length === 0 && Object.keys(question.seeds).length === 0;
}

/** All songs that a question names. */
export function songsOf(question) {
  return [...question.songs, ...Object.values(question.seeds)];
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
  return words.join(" + ") + (range ? ` ${range.map(clock).join("–")}` : "");
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
    range: canHaveRange(question) ? question.range : null,
  };
}

/** The conditions of the filter, null when there are none. */
export function filterOf(question) {
  const filter = {};
  if (question.text.trim()) filter.text = question.text.trim();
  for (const name of Object.keys(NUMBERS)) {
    if (question[name] !== null) filter[name] = question[name];
  }
  return Object.keys(filter).length ? filter : null;
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
  if (question.range) fields.set("range", question.range.map((time) => time.toFixed(1)).join("-"));
  if (question.text) fields.set("text", question.text);
  for (const [name, key] of Object.entries(NUMBERS)) {
    if (question[name] !== null) fields.set(key, String(question[name]));
  }
  if (question.max_per_artist !== null) fields.set("max", String(question.max_per_artist));
  if (question.include_duplicates) fields.set("alike", "1");
  return fields.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** The question that an address holds; what makes no sense in it is left out. */
export function fromHash(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const question = newQuestion();
  const ids = (fields.get("songs") ?? "").split(",").filter((id) => SONG_ID.test(id));
  question.songs = [...new Set(ids)].slice(0, 20).map(unnamed);
  for (const part of PARTS) {
    const id = fields.get(part) ?? "";
    if (SONG_ID.test(id)) question.seeds[part] = unnamed(id);
  }
  for (const item of (fields.get("w") ?? "").split(",")) {
    const [part, value] = item.split(":");
    const weight = number(value);
    if (PARTS.includes(part) && weight !== null) question.faders[part] = Math.min(1, weight);
  }
  for (const name of ["solo", "mute"]) {
    const parts = (fields.get(name) ?? "").split(",");
    question[name] = new Set(parts.filter((part) => PARTS.includes(part)));
  }
  const [start, end] = (fields.get("range") ?? "").split("-").map(number);
  if (typeof start === "number" && typeof end === "number" && start < end) question.range = [start, end];
  question.text = (fields.get("text") ?? "").slice(0, 300);
  for (const [name, key] of Object.entries(NUMBERS)) question[name] = number(fields.get(key));
  question.max_per_artist = number(fields.get("max"));
  question.include_duplicates = fields.get("alike") === "1";
  return question;
}

/** A number of at least 0, null for anything else. */
export function number(text) {
  if (text === null || text === undefined || String(text).trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}

function unnamed(id) {
  return { id, name: "", parts: null };
}
