// One thing sounds at a time: what starts to play ends whatever else sounds.

const groups = [];
const groupOf = (audio) => groups.find((group) => group.audios.includes(audio));

/** Audio elements that sound in turn, and what ends them together. */
export function together(audios, stop) {
  groups.push({ audios, stop });
}

/** End all that sounds but these. */
export function silence(...kept) {
  for (const group of groups) {
    if (!group.audios.some((audio) => kept.includes(audio))) group.stop();
  }
  for (const audio of document.querySelectorAll("audio")) {
    if (!groupOf(audio) && !kept.includes(audio)) audio.pause();
  }
}

document.addEventListener(
  "play",
  (event) => silence(...(groupOf(event.target)?.audios ?? [event.target])),
  true,
);
