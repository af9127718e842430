// What a row says of its hit. Text from tags is set as text, never as HTML.

import * as api from "./api.js";
import { inWords, shareBelow } from "./likeness.js";
import { PARTS, clock } from "./parts.js";

/** row: elements by name, as `makeRow` of hits.js finds them. */
export function showHit(row, hit) {
  row.item.dataset.trackId = hit.track_id;
  row.play.dataset.initials = initials(hit.title);
  row.image.hidden = !hit.has_cover;
  if (hit.has_cover) row.image.src = api.coverAddress(hit.track_id);
  else row.image.removeAttribute("src");
  row.title.textContent = hit.title;
  const facts = [hit.artist ?? "unknown artist", hit.year, clock(hit.duration_s)];
  row.by.textContent = facts.filter(Boolean).join(" · ");
  row.alike.hidden = hit.alike.length === 0;
  row.alike.textContent = hit.alike.length
    ? `${hit.alike.length} near-duplicate${hit.alike.length > 1 ? "s" : ""} left out`
    : "";
  row.alike.title = hit.alike.join("\n");
  const words = PARTS.map((part, p) => showBar(row.bars[p], part, hit.similarities[part]));
  row.why.title = words.join(", ");
  row.why.setAttribute("aria-label", row.why.title);
  row.play.setAttribute("aria-label", `Play ${hit.title} and the hits after it`);
  row.compare.setAttribute("aria-label", `A/B: compare the query with ${hit.title}`);
  row.like.setAttribute("aria-label", `Like this: ${hit.title}`);
  row.menu.setAttribute("aria-label", `Use ${hit.title} in the question`);
  row.choose.setAttribute("aria-label", `Choose ${hit.title}`);
  PARTS.forEach((part, p) => {
    row.takes[p].disabled = !hit.parts.includes(part);
  });
}

/** levels: what is usual in the library, see likeness.js. */
export function showScore(row, score, levels) {
  setText(row.score, score.toFixed(2));
  const words = inWords(shareBelow(levels, score));
  setText(row.word, words);
  row.word.title = words ? `${words} of the pairs of songs in this library` : "";
}

function showBar(bar, part, similarity) {
  const absent = similarity === null || similarity === undefined;
  const words = absent ? `${part} absent` : `${part} ${similarity.toFixed(2)}`;
  bar.classList.toggle("absent", absent);
  bar.style.setProperty("--alike", String(absent ? 0 : Math.max(0, similarity)));
  return words;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function initials(title) {
  const words = title.split(/[^\p{L}\p{N}]+/u).filter((word) => /\p{L}/u.test(word));
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "♪";
}
