// The five parts, in the order used everywhere.

export const PARTS = ["drums", "bass", "piano", "guitar", "other"];

export function capital(part) {
  return part[0].toUpperCase() + part.slice(1);
}

/** "drums", "drums and bass", "drums, bass and piano"; or with another word than "and". */
export function listed(words, and = "and") {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${and} ${words.at(-1)}`;
}

/** The seconds of "3:07" or "187"; null for anything else. */
export function secondsOf(text) {
  const found = /^\s*(?:(\d+):([0-5]?\d)|(\d+))\s*$/.exec(text);
  if (!found) return null;
  const [, minutes, seconds, alone] = found;
  return alone === undefined ? 60 * Number(minutes) + Number(seconds) : Number(alone);
}

/** A time for people: 3:07, for all of that second (`clock` in library/search/query.py). */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, "0");
  if (whole < 3600) return `${minutes}:${rest}`;
  return `${Math.floor(whole / 3600)}:${String(minutes).padStart(2, "0")}:${rest}`;
}
