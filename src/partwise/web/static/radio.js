// Part radio: endless play that keeps the chosen parts. The server chooses and remembers nothing;
// what was played and skipped is kept here, for this session.

import * as api from "./api.js";
import { sayError } from "./say.js";

const AHEAD = 3; // tracks that are known before they are played
const MOST_PLAYED = 2000;
const MOST_SKIPPED = 500;
// Who leaves a track before this share of it has sounded does not want more like it.
const HEARD = 0.5;

/** queue: where its tracks go. changed(): the queue has others now. ended(): nothing is left. */
export function makeRadio(queue, { changed, ended }) {
  let session = null; // {asked, played, skipped}, null while it is off
  let asking = null;

  const key = (asked) => JSON.stringify([asked.songs, asked.per_part_of, asked.range]);

  /** Ask for what comes after the last that is known; `anew` drops what was chosen to come. */
  async function fill(anew = false) {
    if (!session) return;
    const chosen = anew ? [] : queue().coming.filter((item) => item.by === "radio");
    if (chosen.length >= AHEAD) return;
    asking?.abort();
    asking = new AbortController();
    const mine = session;
    const played = [...mine.played, ...chosen.map((item) => item.id)].slice(-MOST_PLAYED);
    try {
      const { hits } = await api.radioNext(
        { ...mine.asked, top: AHEAD - chosen.length, played, skipped: mine.skipped },
        asking.signal,
      );
      if (session !== mine) return;
      const songs = hits.map((hit) => ({ ...hit, id: hit.track_id }));
      if (anew) queue().setRadio(songs);
      else queue().addRadio(songs);
      changed();
      if (!queue().coming.length) ended();
    } catch (error) {
      sayError(error);
    }
  }

  return {
    get on() {
      return session !== null;
    },
    /** The parts it keeps, for people; none while all count the same. */
    get kept() {
      const weights = session?.asked.weights ?? {};
      const parts = Object.keys(weights).filter((part) => weights[part] > 0);
      return parts.length < 5 ? parts : [];
    },
    /** asked: a question as `api.search` takes it. */
    start(asked) {
      session = { asked, played: [], skipped: [] };
      queue().dropList();
      if (queue().current) this.started(queue().current);
      return fill(true);
    },
    stop() {
      asking?.abort();
      session = null;
      queue().setRadio([]);
      changed();
    },
    /** Faders were moved: what comes is chosen anew, if it is still that question. */
    steer(asked) {
      if (!session || key(asked) !== key(session.asked)) return;
      if (JSON.stringify(asked) === JSON.stringify(session.asked)) return;
      if (!Object.values(asked.weights ?? { all: 1 }).some((weight) => weight > 0)) return;
      session.asked = asked;
      fill(true);
    },
    /** A song begins. */
    started(song) {
      if (!session) return;
      session.played = [...session.played.filter((id) => id !== song.id), song.id].slice(-MOST_PLAYED);
      fill();
    },
    /** A song is left for the next one; after `share` of it has sounded. */
    left(song, share) {
      if (!session || song?.by !== "radio" || share >= HEARD) return;
      session.skipped = [...session.skipped, song.id].slice(-MOST_SKIPPED);
      fill(true);
    },
    toJSON: () => session,
    /** Go on with what `toJSON` gave on another page. */
    resume(saved) {
      session = saved?.asked && Array.isArray(saved.played) && Array.isArray(saved.skipped) ? saved : null;
      fill();
    },
  };
}
