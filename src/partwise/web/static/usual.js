// What scores are usual under the weights of the moment: asked of the server while faders move,
// one question at a time, the newest next.

import * as api from "./api.js";

/** changed(): other levels are known. busy(whether): some are awaited. */
export function makeUsual({ changed, busy }) {
  let levels = null;
  let key = "";
  let wanted = null;
  let asking = false;

  async function next() {
    asking = true;
    busy(true);
    while (wanted) {
      const { weights, passages, as } = wanted;
      wanted = null;
      try {
        levels = await api.usual({ weights, passages });
        key = as;
        changed();
      } catch {
        levels = null; // scores stand alone then, and the search says what is wrong
        key = "";
      }
    }
    asking = false;
    busy(false);
  }

  return {
    levels: () => levels,
    /** Ask for other weights, {part: number} with at least one above 0. */
    ask(weights, passages) {
      const highest = Math.max(...Object.values(weights));
      if (!(highest > 0)) return;
      const as = JSON.stringify([Object.values(weights).map((w) => (w / highest).toFixed(3)), passages]);
      if (as === key) {
        wanted = null;
        return;
      }
      wanted = { weights, passages, as };
      if (!asking) next();
    },
  };
}
