// The hits: at most some fifty rows in the document, whatever their number, used again and again
// while faders move. Text from tags is set as text, never as HTML.

import * as api from "./api.js";
import { bar } from "./bar.js";
import { openHit } from "./hitwave.js";
import { PARTS, clock } from "./parts.js";
import { carry } from "./seeds.js";

const PAGE = 50;
const MOVE_MS = 160;

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/**
 * on: what a visitor does with a hit, beside playing it: compare(hit, moment or null, done), like(hit),
 * seed(part, hit), add(hit), momentsOf(hit) -> promise of moments.
 */
export function makeHits(on) {
  const list = document.getElementById("hits");
  const more = document.getElementById("hits-more");
  const template = document.getElementById("hit-template");
  const rows = new Map(); // track_id -> row that shows it
  let hits = [];
  let order = [];
  let scores = [];
  let shown = PAGE;
  let comparing = null; // {id} of the track that is played against the query
  let rowHeight = 0;
  const inSight = new WeakMap(); // row's element -> whether it can be seen

  const heights = new ResizeObserver((entries) => {
    rowHeight = entries[0].borderBoxSize[0].blockSize;
  });

  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries) inSight.set(entry.target, entry.isIntersecting);
  });

  function makeRow() {
    const item = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => item.querySelector(selector);
    const row = {
      item,
      hit: null,
      place: -1,
      rank: find(".hit-rank"),
      score: find(".hit-score"),
      initials: find(".initials"),
      image: find("img"),
      play: find(".hit-play"),
      name: find(".hit-name"),
      title: find(".hit-title"),
      by: find(".hit-by"),
      alike: find(".hit-alike"),
      why: find(".why"),
      bars: PARTS.map((part) => find(`.why-bar[data-part="${part}"]`)),
      compare: find(".ab-button"),
      like: find(".like-button"),
      menu: find(".seed-menu"),
      takes: PARTS.map((part) => find(`.seed-menu option[value="${part}"]`)),
      more: find(".hit-more"),
    };
    sight.observe(item);
    row.image.addEventListener("error", () => {
      row.image.hidden = true;
    });
    row.play.addEventListener("click", () => play(row.hit));
    row.name.addEventListener("click", () => toggle(row));
    row.compare.addEventListener("click", () => compare(row, null));
    row.like.addEventListener("click", () => on.like(row.hit));
    row.menu.addEventListener("change", () => {
      const { value } = row.menu;
      row.menu.value = "";
      if (value === "query") on.add(row.hit);
      else if (value === "next") bar.playNext(songOf(row.hit));
      else if (value === "later") bar.playLater(songOf(row.hit));
      else if (value) on.seed(value, row.hit);
    });
    carry(find(".hit-row"), () => ({ id: row.hit.track_id, name: row.hit.title }));
    return row;
  }

  /** This hit, and those after it; the one that plays is paused, or goes on. */
  function play(hit) {
    if (bar.has(hit.track_id)) bar.toggle();
    else playFrom(hit);
  }

  function playFrom(hit, start_s = 0) {
    const songs = order.map((at) => songOf(hits[at]));
    bar.play(songs, songs.findIndex((song) => song.id === hit.track_id), start_s);
  }

  function showPlaying(row) {
    const plays = bar.playing && bar.has(row.hit.track_id);
    row.play.setAttribute("aria-pressed", String(plays));
  }

  bar.events.addEventListener("change", () => rows.forEach(showPlaying));

  function compare(row, moment) {
    if (row.compare.getAttribute("aria-pressed") === "true" && !moment) {
      on.stop();
      return;
    }
    const { hit } = row;
    const mine = { id: hit.track_id };
    comparing = mine;
    showComparing();
    on.compare(hit, moment, () => {
      if (comparing === mine) comparing = null; // else another one has taken its place
      showComparing();
    });
  }

  function showComparing() {
    for (const [id, row] of rows) row.compare.setAttribute("aria-pressed", String(id === comparing?.id));
  }

  function toggle(row) {
    const open = row.more.hidden;
    row.more.hidden = !open;
    row.name.setAttribute("aria-expanded", String(open));
    row.item.classList.toggle("open", open);
    if (!open) {
      row.more.replaceChildren();
      return;
    }
    const { hit } = row;
    openHit(row.more, hit, {
      momentsOf: () => on.momentsOf(hit),
      compare: (moment) => compare(row, moment),
      play: (time_s) => (bar.has(hit.track_id) ? bar.seek(time_s) : playFrom(hit, time_s)),
    }).catch(on.failed);
  }

  function close(row) {
    if (row.more.hidden) return;
    row.more.hidden = true;
    row.more.replaceChildren();
    row.name.setAttribute("aria-expanded", "false");
    row.item.classList.remove("open");
  }

  function fill(row, hit) {
    if (row.hit === hit) return;
    if (row.hit?.track_id !== hit.track_id) {
      close(row);
      row.compare.setAttribute("aria-pressed", String(hit.track_id === comparing?.id));
      row.place = -1;
    }
    row.hit = hit;
    row.item.dataset.trackId = hit.track_id;
    row.initials.textContent = initials(hit.title);
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
    showPlaying(row);
    row.compare.setAttribute("aria-label", `A/B: compare the query with ${hit.title}`);
    row.like.setAttribute("aria-label", `Find like ${hit.title}`);
    row.menu.setAttribute("aria-label", `Use a part of ${hit.title}`);
    PARTS.forEach((part, p) => {
      row.takes[p].disabled = !hit.parts.includes(part);
    });
  }

  /** Show the order of the moment. Rows stay with their hit; the others are filled anew. */
  function apply(animate) {
    const window_ = order.slice(0, shown);
    const wanted = new Set(window_.map((at) => hits[at].track_id));
    const free = [];
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      rows.delete(id);
      free.push(row);
    }
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const moved = [];
    let cursor = list.firstElementChild;
    window_.forEach((at, place) => {
      const hit = hits[at];
      let row = rows.get(hit.track_id);
      if (!row) {
        row = free.pop() ?? makeRow();
        rows.set(hit.track_id, row);
      }
      fill(row, hit);
      setText(row.rank, String(place + 1));
      setText(row.score, scores[at].toFixed(2));
      if (row.place >= 0 && row.place !== place) moved.push([row, row.place - place]);
      row.place = place;
      if (row.item === cursor) cursor = cursor.nextElementSibling;
      else list.insertBefore(row.item, cursor);
    });
    for (const row of free) row.item.remove();
    if (focused?.isConnected && document.activeElement !== focused) {
      focused.focus({ preventScroll: true });
    }
    more.hidden = order.length <= shown;
    if (animate && !calm.matches) requestAnimationFrame(() => slide(moved));
  }

  /** After the order has changed, and without asking for a layout: rows are of one height. */
  function slide(moved) {
    if (!rowHeight || list.querySelector(".open")) return;
    for (const [row, by] of moved) {
      if (!inSight.get(row.item)) continue;
      row.animation?.cancel();
      const from = { transform: `translateY(${by * rowHeight}px)` };
      const timing = { duration: MOVE_MS, easing: "cubic-bezier(.2,.7,.3,1)" };
      row.animation = row.item.animate([from, { transform: "none" }], timing);
    }
  }

  more.addEventListener("click", () => {
    const before = shown;
    shown += PAGE;
    apply(false);
    list.children[before]?.querySelector(".hit-name").focus();
  });

  return {
    /** A new answer: hits as they came, and their order and scores (by index). */
    show(found, ranked) {
      const first = hits.length === 0;
      hits = found;
      ({ order, scores } = ranked);
      apply(!first);
      heights.disconnect();
      if (list.firstElementChild) heights.observe(list.firstElementChild);
    },
    /** The same hits in another order. */
    reorder(ranked) {
      ({ order, scores } = ranked);
      apply(true);
    },
    /** Play all, from the best on. */
    playAll: () => order.length && playFrom(hits[order[0]]),
    startOver() {
      shown = PAGE;
    },
    /** Ids of the hits that are shown, best first. */
    shownIds: () => order.slice(0, shown).map((at) => hits[at].track_id),
  };
}

function songOf({ track_id: id, title, artist, duration_s, has_cover }) {
  return { id, title, artist, duration_s, has_cover };
}

function showBar(bar, part, similarity) {
  const absent = similarity === null || similarity === undefined;
  const words = absent ? `${part} absent` : `${part} ${similarity.toFixed(2)}`;
  bar.classList.toggle("absent", absent);
  bar.firstElementChild.style.height = absent ? "0" : `${Math.max(0, similarity) * 100}%`;
  return words;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function initials(title) {
  const words = title.split(/[^\p{L}\p{N}]+/u).filter((word) => /\p{L}/u.test(word));
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "♪";
}
