// What the page's modules ask a server for, from files that lie beside this one. It stands in for
// the product's api.js and has the same names, as far as the modules that are published need them.

import { library } from "./try-answers.js";

/** Where a song's recording lies. */
export const audioAddress = (songId) => songOf(songId).audio;

/** What levels a passage that is one of the song's segments: {gain_db}. */
export async function peaks(songId, points, [start_s, end_s]) {
  const song = songOf(songId);
  const at = song.start_s.findIndex((start, i) => start === start_s && song.end_s[i] === end_s);
  if (at < 0) throw new Error(`${song.title} has no passage from ${start_s} to ${end_s} s.`);
  return { gain_db: song.gain_db[at] };
}

/** The filter by which one part is heard alone in A/B runs on a server: there is none here. */
export async function audition() {
  throw new Error("One part alone is heard with partwise itself: this page filters nothing.");
}

function songOf(songId) {
  const song = library().songs.find(({ id }) => id === songId);
  if (!song) throw new Error(`There is no song ${songId}.`);
  return song;
}
