// The server's rule of ranking, on the hits that came with an answer: a hit's score is
// sum_p w_p s_p / sum_p w_p, and hits in which every wanted part is present come first.
// Pure functions on typed arrays: five hundred hits are ranked many times a second.

import { PARTS } from "./parts.js";

/**
 * The numbers of hits that ranking needs, laid out once per answer.
 * similarities [hits * parts], 0 where absent; present [hits]: bit p set where part p is there.
 */
export function tableOf(hits) {
  const similarities = new Float64Array(hits.length * PARTS.length);
  const present = new Uint8Array(hits.length);
  hits.forEach((hit, row) => {
    PARTS.forEach((part, p) => {
      const value = hit.similarities[part];
      if (value === null || value === undefined) return;
      similarities[row * PARTS.length + p] = value;
      present[row] |= 1 << p;
    });
  });
  return { similarities, present, count: hits.length };
}

/**
 * {order: indices of the hits, best first; scores, incomplete: by index, whether a wanted part is
 * missing}. weights: {part: number}. Ties keep the order of the answer. Null when nothing weighs more than 0.
 */
export function rank(table, weights) {
  const values = PARTS.map((part) => Math.max(0, weights[part] ?? 0));
  const total = values.reduce((sum, value) => sum + value, 0);
  if (!(total > 0)) return null;
  let wanted = 0;
  values.forEach((value, p) => {
    if (value > 0) wanted |= 1 << p;
  });
  const scores = new Float64Array(table.count);
  const incomplete = new Uint8Array(table.count);
  for (let row = 0; row < table.count; row += 1) {
    let sum = 0;
    for (let p = 0; p < values.length; p += 1) {
      sum += values[p] * table.similarities[row * values.length + p];
    }
    scores[row] = sum / total;
    incomplete[row] = (table.present[row] & wanted) === wanted ? 0 : 1;
  }
  const order = Array.from({ length: table.count }, (_, row) => row);
  order.sort((a, b) => incomplete[a] - incomplete[b] || scores[b] - scores[a] || a - b);
  return { order, scores, incomplete };
}

/** The hits in their new order, with their new scores and ranks. Null as in `rank`. */
export function rerank(hits, weights) {
  const ranked = rank(tableOf(hits), weights);
  if (ranked === null) return null;
  return ranked.order.map((row, place) => ({
    ...hits[row],
    score: ranked.scores[row],
    rank: place + 1,
  }));
}
