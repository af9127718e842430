// What the system shows of the song that plays, and the keys and buttons that it has for it.

import * as api from "./api.js";

const SEEK_S = 10;
const session = navigator.mediaSession;

/** on: {play, pause, next, previous, seek(time_s), by(seconds)}. */
export function bindMediaKeys(on) {
  const handlers = {
    play: on.play,
    pause: on.pause,
    nexttrack: on.next,
    previoustrack: on.previous,
    seekto: ({ seekTime }) => on.seek(seekTime),
    seekbackward: ({ seekOffset }) => on.by(-(seekOffset ?? SEEK_S)),
    seekforward: ({ seekOffset }) => on.by(seekOffset ?? SEEK_S),
  };
  for (const [name, act] of Object.entries(handlers)) {
    try {
      session?.setActionHandler(name, act);
    } catch {
      // a browser that does not know this one
    }
  }
}

/** song: of the queue, or null. */
export function showMedia(song, playing) {
  if (!session) return;
  session.playbackState = song ? (playing ? "playing" : "paused") : "none";
  if (!song) {
    session.metadata = null;
    return;
  }
  const artwork = song.has_cover
    ? [{ src: new URL(api.coverAddress(song.id), document.baseURI).href }]
    : [];
  const { title, artist } = song;
  session.metadata = new MediaMetadata({ title: title ?? "", artist: artist ?? "", artwork });
}

export function showMediaTime(audio) {
  if (!session?.setPositionState || !Number.isFinite(audio.duration) || !audio.duration) return;
  const position = Math.min(audio.currentTime, audio.duration);
  session.setPositionState({ duration: audio.duration, position, playbackRate: 1 });
}
