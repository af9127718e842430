// The hits: at most some fifty rows in the document, whatever their number, used again and again
// while faders move. Text from tags is set as text, never as HTML.

import { bar } from "./bar.js";
import { setText, showHit, showScore } from "./hitrow.js";
import { openHit } from "./hitwave.js";
import { arrange, endOf } from "./likeness.js";
import { PARTS } from "./parts.js";
import { carry } from "./seeds.js";

const PAGE = 50;
const MOVE_MS = 160;
const LINES = {
  end: "From here on no more alike than two songs of this library drawn at random.",
  lacking: "Without a part that you asked for.",
};

const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

/**
 * on: what a visitor does with a hit, beside playing it: compare(hit, moment or null, done), like(hit),
 * seed(part, hit), add(hit), less(hit), momentsOf(hit) -> promise of moments; chosen(number of hits).
 */
export function makeHits(on) {
  const list = document.getElementById("hits");
  const more = document.getElementById("hits-more");
  const rest = document.getElementById("hits-rest");
  const template = document.getElementById("hit-template");
  const rows = new Map(); // track_id -> row that shows it
  const lines = Object.fromEntries(Object.entries(LINES).map(([name, text]) => [name, makeLine(name, text)]));
  const taken = new Set(); // track_ids that were chosen
  let hits = [];
  let ranked = null; // {order, scores, incomplete}, null while nothing is shown
  let levels = null; // what is usual
  let entries = []; // of `arrange`
  let shown = PAGE;
  let withRest = false;
  let key = ""; // of the query that the hits answer
  let spare = []; // rows that wait, hidden, for the rest of an answer
  let comparing = null; // {id} of the track that is played against the query
  let rowHeight = 0;
  const inSight = new WeakMap(); // row's element -> whether it can be seen

  const heights = new ResizeObserver((entries) => {
    rowHeight = entries[0].borderBoxSize[0].blockSize;
  });

  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries) inSight.set(entry.target, entry.isIntersecting);
  });

  function makeLine(name, text) {
    const line = document.createElement("li");
    line.className = "hits-line";
    line.dataset.testid = `hits-line-${name}`;
    line.textContent = text;
    return line;
  }

  function makeRow() {
    const item = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => item.querySelector(selector);
    const row = {
      item,
      hit: null,
      place: -1,
      rank: find(".hit-rank"),
      score: find(".score-number"),
      word: find(".score-word"),
      choose: find(".hit-choose"),
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
      else if (value === "less") on.less(row.hit);
      else if (value === "next") bar.playNext(songOf(row.hit));
      else if (value === "later") bar.playLater(songOf(row.hit));
      else if (value) on.seed(value, row.hit);
    });
    row.choose.addEventListener("change", () => {
      if (row.choose.checked) taken.add(row.hit.track_id);
      else taken.delete(row.hit.track_id);
      on.chosen(taken.size);
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
    const songs = listed().map((at) => songOf(hits[at]));
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
      row.choose.checked = taken.has(hit.track_id);
      row.place = -1;
    }
    row.hit = hit;
    showHit(row, hit);
    showPlaying(row);
  }

  /** Indices of the hits that are listed or come with "more", best first. */
  const listed = () => entries.filter((entry) => typeof entry === "number");

  /** The first entries that hold `shown` hits, with their lines. */
  function inWindow() {
    let count = 0;
    const end = entries.findIndex((entry) => typeof entry === "number" && (count += 1) > shown);
    return end < 0 ? entries : entries.slice(0, end);
  }

  /** The rows that show no hit of the moment, to be filled anew. */
  function freeRows(wanted, anew) {
    // Of another question nothing is left to follow: rows stay where they are, which is quickest.
    if (anew) wanted = new Set();
    const free = spare;
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      rows.delete(id);
      free.push(row);
    }
    spare = [];
    return free.sort((one, other) => one.place - other.place);
  }

  /**
   * Show the order of the moment. Rows stay with their hit; the others are filled anew.
   * anew: these hits answer another question. whole: no more hits of the answer follow.
   */
  function apply(animate, { anew = false, whole = true } = {}) {
    const arranged = ranked ? arrange(ranked, endOf(levels), withRest) : { entries: [], rest: 0 };
    ({ entries } = arranged);
    const window_ = inWindow();
    const wanted = new Set(window_.map((at) => hits[at]?.track_id ?? at));
    const free = freeRows(wanted, anew);
    for (const [name, line] of Object.entries(lines)) if (!wanted.has(name)) line.remove();
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const moved = [];
    let cursor = list.firstElementChild;
    const put = (item) => {
      while (cursor?.hidden) cursor = cursor.nextElementSibling;
      if (item === cursor) cursor = cursor.nextElementSibling;
      else list.insertBefore(item, cursor);
    };
    let place = 0;
    for (const at of window_) {
      if (typeof at === "string") {
        put(lines[at]);
        continue;
      }
      const hit = hits[at];
      let row = rows.get(hit.track_id);
      if (!row) {
        row = free.shift() ?? makeRow();
        row.item.hidden = false;
        rows.set(hit.track_id, row);
      }
      fill(row, hit);
      setText(row.rank, String(place + 1));
      showScore(row, ranked.scores[at], levels);
      if (row.place >= 0 && row.place !== place) moved.push([row, row.place - place]);
      row.place = place;
      put(row.item);
      place += 1;
    }
    if (!whole) spare = free;
    for (const row of free) {
      if (whole) row.item.remove();
      else row.item.hidden = true;
    }
    if (focused?.isConnected && document.activeElement !== focused) {
      focused.focus({ preventScroll: true });
    }
    more.hidden = listed().length <= shown;
    rest.hidden = withRest || !more.hidden || arranged.rest === 0;
    setText(rest, `Show ${arranged.rest} more, no more alike than two songs drawn at random`);
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
    const before = rows.size;
    shown += PAGE;
    apply(false);
    focusHit(before);
  });
  rest.addEventListener("click", () => {
    const before = [...rows.keys()];
    withRest = true;
    apply(false);
    focusHit([...list.querySelectorAll(".hit")].findIndex((item) => !before.includes(item.dataset.trackId)));
  });

  function focusHit(number) {
    list.querySelectorAll(".hit-name")[number]?.focus();
  }

  /** The ids of what is shown, in order. */
  function shownIds() {
    return inWindow().filter((at) => typeof at === "number").map((at) => hits[at].track_id);
  }

  function chooseNone() {
    taken.clear();
    for (const row of rows.values()) row.choose.checked = false;
    on.chosen(0);
  }

  return {
    /** A new answer: hits as they came, their ranking, the key of their query; whole: all hits. */
    show(found, ranking, ofQuery, whole) {
      const first = ranked === null;
      const anew = ofQuery !== key;
      if (anew) {
        key = ofQuery;
        shown = PAGE;
        withRest = false;
        chooseNone();
      }
      hits = found;
      ranked = ranking;
      apply(!first && !anew, { anew, whole });
      heights.disconnect();
      const item = list.querySelector(".hit");
      if (item) heights.observe(item);
    },
    /** The same hits in another order. */
    reorder(ranking) {
      ranked = ranking;
      apply(true);
    },
    /** Play all that is listed, from the best on. */
    playAll() {
      const [best] = listed();
      if (best !== undefined) playFrom(hits[best]);
    },
    /** Show none, until there is an order again. */
    clear() {
      ranked = null;
      apply(false);
    },
    /** What is usual in this library: see `likeness`. */
    usual(known) {
      levels = known;
      apply(false);
    },
    chooseNone,
    /** Ids of the hits that were chosen, else of all that are shown; best first. */
    takenIds() {
      const ids = shownIds();
      return taken.size ? ids.filter((id) => taken.has(id)) : ids;
    },
  };
}

function songOf({ track_id: id, title, artist, duration_s, has_cover }) {
  return { id, title, artist, duration_s, has_cover };
}
