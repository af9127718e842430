// The server's answers, made here: similarities of whole songs, and the moments that match.
// How hits are ranked by them is the page's own rank.js. Vectors are rows of `dim` numbers, one for
// each part, of length 1, or zeros where the part is absent.

import { PARTS } from "./parts.js";

let loaded = null;

/** What was loaded: {songs, dim, ...}. */
export function library() {
  return loaded;
}

/**
 * Load the songs and their vectors, which lie beside this file. The numbers in vectors.bin: for
 * every song what is asked when it is the query; then every song; then all segments.
 */
export async function load() {
  const [told, numbers] = await Promise.all([
    fetched("songs.json").then((response) => response.json()),
    fetched("vectors.bin").then((response) => response.arrayBuffer()),
  ]);
  const size = PARTS.length * told.dim;
  const view = new DataView(numbers);
  const vectors = Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
  const rows = (from, count) => vectors.subarray(from * size, (from + count) * size);
  let segment = 2 * told.songs.length;
  told.songs.forEach((song, i) => {
    song.asked = rows(i, 1);
    song.vector = rows(told.songs.length + i, 1);
    song.segments = song.start_s.map((_, s) => rows(segment + s, 1));
    segment += song.start_s.length;
    song.parts = PARTS.filter((_, p) => isThere(song.vector, p, told.dim));
  });
  loaded = told;
  return loaded;
}

async function fetched(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} cannot be loaded: the server answered ${response.status}.`);
  return response;
}

/** The other songs as hits of this one, in the order of the library: similarities by part. */
export function hitsOf(query) {
  const { songs, dim } = loaded;
  return songs.filter((song) => song !== query).map((song) => ({
    song,
    similarities: Object.fromEntries(
      PARTS.map((part, p) => {
        if (!song.parts.includes(part)) return [part, null];
        return [part, Math.max(-1, Math.min(1, product(query.asked, song.vector, p, dim)))];
      }),
    ),
  }));
}

/**
 * Where a hit is most like the query (`best_moments` in library/search/moments.py, its first):
 * {start_s, end_s, score, query: {start_s, end_s}}. weights: {part: number}.
 */
export function momentOf(query, hit, weights) {
  const { dim } = loaded;
  const wanted = PARTS.map((part, p) => [p, weights[part]]).filter(([, weight]) => weight > 0);
  const total = wanted.reduce((sum, [, weight]) => sum + weight, 0);
  const lacks = (vector) => wanted.some(([p]) => !isThere(vector, p, dim));
  const score = (a, b) => wanted.reduce((sum, [p, w]) => sum + (w / total) * product(a, b, p, dim), 0);
  let best = null;
  hit.segments.forEach((there, h) => {
    let pair = null;
    query.segments.forEach((here, q) => {
      const found = { q, silent: lacks(here), score: score(here, there) };
      if (!pair || isBefore(found, pair)) pair = found;
    });
    pair.silent ||= lacks(there);
    if (!best || isBefore(pair, best)) best = { ...pair, h };
  });
  return {
    start_s: hit.start_s[best.h],
    end_s: hit.end_s[best.h],
    score: best.score,
    query: { start_s: query.start_s[best.q], end_s: query.end_s[best.q] },
  };
}

/** A pair in which a wanted part is silent comes after all others. */
function isBefore(one, other) {
  return one.silent === other.silent ? one.score > other.score : other.silent;
}

function isThere(vector, p, dim) {
  for (let d = p * dim; d < (p + 1) * dim; d += 1) if (vector[d] !== 0) return true;
  return false;
}

function product(a, b, p, dim) {
  let sum = 0;
  for (let d = p * dim; d < (p + 1) * dim; d += 1) sum += a[d] * b[d];
  return sum;
}
