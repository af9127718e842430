// The hits as rows, which slide to their new place when the order changes. Text is set as text.

import { PARTS } from "./parts.js";

const MOVE_MS = 160;

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/** on: play(song), compare(hit, done), like(song). */
export function makeRows(list, on) {
  const template = document.getElementById("hit-template");
  let rows = [];
  let comparing = null;

  function makeRow(query, hit) {
    const item = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => item.querySelector(selector);
    const row = {
      item,
      hit,
      place: -1,
      rank: find(".try-rank"),
      score: find(".try-score"),
      same: find(".try-same"),
      lacks: find(".try-lacks"),
      shared: PARTS.filter((part) => isSame(query.players[part], hit.song.players[part])),
      play: find(".play-button"),
      compare: find(".ab-button"),
    };
    const { title } = hit.song;
    item.dataset.songId = hit.song.id;
    find(".hit-title").textContent = title;
    row.same.textContent = row.shared.map((part) => inWords(part, hit.song.players[part])).join("; ");
    const words = PARTS.map((part) => showBar(find(`.why-bar[data-part="${part}"]`), part, hit));
    find(".why").setAttribute("aria-label", words.join(", "));
    find(".why").title = words.join(", ");
    row.play.setAttribute("aria-label", `Play ${title}`);
    row.play.addEventListener("click", () => on.play(hit.song));
    row.compare.setAttribute("aria-label", `A/B: compare the query with ${title}`);
    row.compare.addEventListener("click", () => compare(row));
    find(".like-button").setAttribute("aria-label", `Like this: find music like ${title}`);
    find(".like-button").addEventListener("click", () => on.like(hit.song));
    return row;
  }

  function compare(row) {
    if (comparing === row) {
      list.dispatchEvent(new CustomEvent("partwise:stop"));
      return;
    }
    const done = () => {
      if (comparing === row) comparing = null; // else another one has taken its place
      showComparing();
    };
    comparing = row;
    showComparing();
    on.compare(row.hit, done);
  }

  function showComparing() {
    for (const row of rows) row.compare.setAttribute("aria-pressed", String(row === comparing));
  }

  return {
    /** Other hits, of another query. */
    show(query, hits) {
      rows = hits.map((hit) => makeRow(query, hit));
      list.replaceChildren(...rows.map((row) => row.item));
    },
    /** ranked: of rank.js, by the index of the hits. */
    reorder({ order, scores }, weights) {
      const height = rows[0]?.item.offsetHeight ?? 0;
      const focused = document.activeElement;
      order.forEach((at, place) => {
        const row = rows[at];
        row.rank.textContent = String(place + 1);
        row.score.textContent = scores[at].toFixed(2);
        const lacking = PARTS.filter((p) => weights[p] > 0 && row.hit.similarities[p] === null);
        row.same.classList.toggle("asked", row.shared.some((part) => weights[part] > 0));
        row.lacks.textContent = lacking.length ? `no ${lacking.join(", no ")}` : "";
        if (row.place >= 0 && row.place !== place) slide(row, (row.place - place) * height);
        row.place = place;
        if (list.children[place] !== row.item) list.insertBefore(row.item, list.children[place]);
      });
      if (list.contains(focused)) focused.focus({ preventScroll: true });
    },
    /** Which song sounds; null for none. */
    playing(songId) {
      for (const row of rows) {
        const sounds = row.hit.song.id === songId;
        row.play.setAttribute("aria-pressed", String(sounds));
        row.play.textContent = sounds ? "Pause" : "Play";
        row.play.setAttribute("aria-label", `${row.play.textContent} ${row.hit.song.title}`);
      }
    },
  };
}

function slide(row, by) {
  if (calm.matches) return;
  row.animation?.cancel();
  const timing = { duration: MOVE_MS, easing: "cubic-bezier(.2,.7,.3,1)" };
  row.animation = row.item.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], timing);
}

function isSame(one, other) {
  return Boolean(one && other) && one.name === other.name;
}

/** "✓ same drums: Dee, kit with brushes". */
function inWords(part, player) {
  return `✓ same ${part}: ${player.name}, ${player.instrument}`;
}

function showBar(bar, part, hit) {
  const similarity = hit.similarities[part];
  bar.classList.toggle("absent", similarity === null);
  bar.style.setProperty("--alike", String(Math.max(0, similarity ?? 0)));
  return similarity === null ? `${part} absent` : `${part} ${similarity.toFixed(2)}`;
}
