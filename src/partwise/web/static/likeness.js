// What a score means in this library, and which hits are alike at all. Pure functions: `usual` is
// what /api/v1/usual answers for the weights of the moment.

const MIDDLE = 0.5;

/** The share of random pairs that score less, 0..1; null where nothing is known of them. */
export function shareBelow(usual, score) {
  if (!usual?.shares.length) return null;
  const { shares, scores } = usual;
  if (score >= scores.at(-1)) return shares.at(-1);
  let above = scores.findIndex((level) => level > score);
  if (above <= 0) return 0;
  const from = scores[above - 1];
  const way = (score - from) / (scores[above] - from);
  return shares[above - 1] + way * (shares[above] - shares[above - 1]);
}

/** "closer than 98 %", of random pairs; "" where nothing is known, or likeness has ended. */
export function inWords(share) {
  if (share === null || share < MIDDLE) return "";
  const percent = 100 * share;
  // Rounded down: 99.96 is not "closer than 100 %".
  const digits = percent >= 99.9 ? 2 : percent >= 99 ? 1 : 0;
  const shown = Math.floor(percent * 10 ** digits + 1e-6) / 10 ** digits;
  return `closer than ${shown}\u00a0%`;
}

/** The score at which likeness ends: that of the random pair in the middle. Null: not known. */
export function endOf(usual) {
  const at = usual ? usual.shares.indexOf(MIDDLE) : -1;
  return at < 0 ? null : usual.scores[at];
}

/**
 * What is listed, in the order of the answer: hits that have every wanted part, then the others.
 * ranked: of `rank`. end: the score at which likeness ends, null for none. withRest: what is no
 * more alike than that too.
 *
 * Gives {entries, rest}: indices of hits, with "end" and "lacking" where a line has to be drawn;
 * and how many hits are no more alike.
 */
export function arrange({ order, scores, incomplete }, end, withRest) {
  const alike = (at) => end === null || scores[at] > end;
  const split = (some) => [some.filter(alike), some.filter((at) => !alike(at))];
  const [complete, completeRest] = split(order.filter((at) => !incomplete[at]));
  const [lacking, lackingRest] = split(order.filter((at) => incomplete[at]));
  const entries = [...complete];
  if (withRest && completeRest.length) entries.push("end", ...completeRest);
  const under = withRest ? [...lacking, ...lackingRest] : lacking;
  if (under.length) entries.push("lacking", ...under);
  return { entries, rest: completeRest.length + lackingRest.length };
}
