// Asking the server the question of the moment. A new question is answered twice: the first hits
// alone, so that they appear at once, then all of them, so that faders can move without the server.

import * as api from "./api.js";
import { conditionsOf } from "./conditions.js";
import { PARTS } from "./parts.js";
import * as state from "./state.js";

const FIRST = 12; // more than a screen shows
const ALL = 500;
const WITH_MOMENTS = 10;

/**
 * question: () => the question of the moment. on: learned() when the parts of the query are known,
 * found(answer, whole) with hits, all of them or the first, silent() where no part counts, failed(error), busy(whether).
 */
export function makeAsking(question, on) {
  let heard = PARTS; // the parts of the query, once `heardKey` is its key
  let heardKey = "";
  let asking = null; // AbortController of the search under way

  const keyOf = () => JSON.stringify(state.queryOf(question()));
  const weights = () => state.weightsOf(question(), heard);

  /** The question as the server takes it. */
  function asked() {
    return {
      ...state.queryOf(question()),
      weights: weights(),
      ...conditionsOf(question()),
    };
  }

  const search = (more, signal) => api.search({ ...asked(), ...more }, signal);

  /** The first hits of a query that is not known yet. Gives whether they are all that there are. */
  async function begin(key, signal) {
    const wanted = state.weightsOf(question());
    const some = anyOf(wanted);
    const first = { top: FIRST, moments: 0, skip_absent: true, weights: some ? wanted : null };
    const found = await search(first, signal);
    heard = found.query.parts;
    heardKey = key;
    on.learned();
    // A solo of a part that the song lacks counts no more: then others are wanted than were asked.
    if (!some || !alike(weights(), found.weights)) return false;
    const whole = found.hits.length < FIRST;
    on.found(found, whole);
    return whole;
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    on.busy(true);
    try {
      const key = keyOf();
      const done = key !== heardKey && (await begin(key, signal));
      if (!anyOf(weights())) on.silent();
      else if (!done) on.found(await search({ top: ALL, moments: WITH_MOMENTS }, signal), true);
    } catch (error) {
      if (error.name !== "AbortError") on.failed(error);
    } finally {
      if (asking?.signal === signal) on.busy(false);
    }
  }

  return {
    ask,
    asked,
    weights,
    /** What the query is: the same key means the same query, whatever is weighed and filtered. */
    key: keyOf,
    /** Whether the server has said yet which parts the query has. */
    knows: () => heardKey === keyOf(),
    /** The parts of the query; all of them until the server has said which. */
    heard: () => (heardKey === keyOf() ? heard : PARTS),
    stop() {
      asking?.abort();
      on.busy(false);
    },
  };
}

const anyOf = (weights) => PARTS.some((part) => weights[part] > 0);

/** Whether two weightings rank alike: they may differ by a factor. */
function alike(one, other) {
  const shares = (weights) => {
    const total = PARTS.reduce((sum, part) => sum + (weights[part] ?? 0), 0);
    return PARTS.map((part) => (weights[part] ?? 0) / total);
  };
  const theirs = shares(other);
  return shares(one).every((share, p) => Math.abs(share - theirs[p]) < 1e-6);
}
