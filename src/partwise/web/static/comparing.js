// Which moments of query and hit are played against each other.

import * as api from "./api.js";
import { clearError, sayError } from "./say.js";
import * as state from "./state.js";

/** question, weights: of the moment. songs(): of the answer. player: of `makeComparison`. */
export function makeComparing({ question, weights, songs, player }) {
  let comparisons = 0; // asked for so far: only the last one is played

  async function momentsOf(hit) {
    if (hit.moments.length) return hit.moments;
    const asked = { ...state.queryOf(question()), weights: weights(), track_id: hit.track_id };
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
      const name = songs().find((song) => song.song_id === side.song_id)?.name ?? "query";
      const a = { songId: side.song_id, start_s: side.start_s, end_s: side.end_s, label: name };
      const b = { songId: hit.track_id, start_s: chosen.start_s, end_s: chosen.end_s, label: hit.title };
      await player.start(a, b, done);
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

  return { momentsOf, compare };
}
