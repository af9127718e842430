// The conditions that hits have to satisfy: fields of a question, their form in the address, and
// what the server takes. Artists stand in one text, with ";" between them, as in tags.

import { PARTS } from "./parts.js";

const NUMBERS = {
  year_from: "year-from",
  year_to: "year-to",
  duration_from_s: "from-s",
  duration_to_s: "to-s",
};
const LIMITS = { max_per_artist: "max", max_per_album: "max-album" };
const TEXTS = { text: "text", genre: "genre", artists: "by", not_artists: "not-by" };
const LONGEST = 300;
const MOST_ARTISTS = 50;
const LATEST_S = 1e6;
const LATEST_YEAR = 9999;
const MOST = 1000;

export function noConditions() {
  return {
    ...Object.fromEntries(Object.keys(TEXTS).map((name) => [name, ""])),
    ...Object.fromEntries([...Object.keys(NUMBERS), ...Object.keys(LIMITS)].map((name) => [name, null])),
    has: {}, // part -> whether it must be heard in the hit, or must not be
    enters_after_s: {}, // part -> heard in the hit, and not before this time
    include_duplicates: false,
  };
}

/** The filter of a search, null where it asks for nothing. */
export function filterOf(question) {
  const filter = {};
  for (const name of ["text", "genre"]) {
    if (question[name].trim()) filter[name] = question[name].trim();
  }
  for (const name of Object.keys(NUMBERS)) {
    if (question[name] !== null) filter[name] = question[name];
  }
  const having = (wanted) => PARTS.filter((part) => question.has[part] === wanted);
  if (having(true).length) filter.has = having(true);
  if (having(false).length) filter.has_not = having(false);
  if (Object.keys(question.enters_after_s).length) filter.enters_after_s = question.enters_after_s;
  return Object.keys(filter).length ? filter : null;
}

/** All conditions as fields of a search. */
export function conditionsOf(question) {
  return {
    max_per_artist: question.max_per_artist,
    max_per_album: question.max_per_album,
    artists: namesIn(question.artists),
    not_artists: namesIn(question.not_artists),
    include_duplicates: question.include_duplicates,
    filter: filterOf(question),
  };
}

/** How many conditions are on. */
export function countOf(question) {
  const texts = Object.keys(TEXTS).filter((name) => question[name].trim());
  const numbers = [...Object.keys(NUMBERS), ...Object.keys(LIMITS)].filter((name) => question[name] !== null);
  const parts = [question.has, question.enters_after_s].flatMap(Object.keys);
  return texts.length + numbers.length + parts.length + (question.include_duplicates ? 1 : 0);
}

/** Put them into the fields of an address (URLSearchParams). */
export function write(question, fields) {
  for (const [name, key] of Object.entries(TEXTS)) {
    if (question[name]) fields.set(key, question[name]);
  }
  for (const [name, key] of Object.entries({ ...NUMBERS, ...LIMITS })) {
    if (question[name] !== null) fields.set(key, String(question[name]));
  }
  for (const [key, wanted] of [["has", true], ["has-not", false]]) {
    const parts = PARTS.filter((part) => question.has[part] === wanted);
    if (parts.length) fields.set(key, parts.join(","));
  }
  const entering = PARTS.filter((part) => part in question.enters_after_s);
  if (entering.length) {
    fields.set("enters", entering.map((part) => `${part}:${question.enters_after_s[part]}`).join(","));
  }
  if (question.include_duplicates) fields.set("alike", "1");
}

/** What `write` has put there; what makes no sense is left out. */
export function read(fields) {
  const found = noConditions();
  for (const [name, key] of Object.entries(TEXTS)) found[name] = plain(fields.get(key) ?? "");
  for (const [name, key] of Object.entries(NUMBERS)) {
    found[name] = name.startsWith("year") ? whole(fields.get(key), 0, LATEST_YEAR) : time(fields.get(key));
  }
  for (const [name, key] of Object.entries(LIMITS)) found[name] = whole(fields.get(key), 1, MOST);
  for (const [key, wanted] of [["has", true], ["has-not", false]]) {
    for (const part of (fields.get(key) ?? "").split(",")) {
      if (PARTS.includes(part)) found.has[part] = wanted;
    }
  }
  for (const item of (fields.get("enters") ?? "").split(",")) {
    const [part, text] = item.split(":");
    const after_s = time(text);
    if (PARTS.includes(part) && after_s !== null) found.enters_after_s[part] = after_s;
  }
  found.include_duplicates = fields.get("alike") === "1";
  return found;
}

/** A number of at least 0, null for anything else. */
export function number(text) {
  if (text === null || text === undefined || String(text).trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}

function time(text) {
  const value = number(text);
  return value !== null && value <= LATEST_S ? value : null;
}

function whole(text, least, most) {
  const value = number(text);
  return Number.isInteger(value) && value >= least && value <= most ? value : null;
}

function namesIn(text) {
  return text.split(";").map((name) => name.trim()).filter(Boolean).slice(0, MOST_ARTISTS);
}

/** Without control characters, which the server refuses. */
function plain(text) {
  return text.replaceAll(/[\x00-\x1f\x7f]/g, "").slice(0, LONGEST);
}
