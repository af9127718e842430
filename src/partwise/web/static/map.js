// The map page: one part's plane of all tracks; what is near sounds alike in that part.

import { bar } from "./bar.js";
import { makeRenderer } from "./map-draw.js";
import { Points, colours, matching } from "./map-points.js";
import { View } from "./map-view.js";

const NEAR_COUNT = 12;
const NEAR_AFTER_MS = 200;
const AGAIN_MS = 2000;
const BEING_MADE = 202;
const REACH_PX = { mouse: 10, touch: 22 };

const asked = new URLSearchParams(location.search);
const by = (id) => document.getElementById(id);
const canvas = by("map-canvas"), stage = by("map-stage");
const tabs = [...document.querySelectorAll("[data-testid=map-part]")];

const renderer = makeRenderer(canvas, asked.get("renderer"));
canvas.dataset.renderer = renderer.name;
let listed = null; // what the points are
let points = null; // of the part in sight
let part = null;
let matches = null;
let paper = [255, 255, 255];
let selected = -1; // a row of the lists
let dirty = false;
let nearTimer = 0;

const view = new View(canvas, {
  changed() {
    redraw();
    clearTimeout(nearTimer);
    nearTimer = setTimeout(listNear, NEAR_AFTER_MS);
  },
  click(px, py, kind) {
    const point = pointAt(px, py, REACH_PX[kind] ?? REACH_PX.mouse);
    if (point >= 0) play(points.rows[point]);
  },
  hover(px, py) {
    showTip(px === null ? -1 : pointAt(px, py, REACH_PX.mouse));
  },
  enter() {
    const [point] = points ? points.nearestFew(view.x, view.y, 1) : [];
    if (point !== undefined) play(points.rows[point]);
  },
});

// --- what is asked of the server

async function answer(path) {
  const response = await fetch(path);
  if (response.ok && response.status !== BEING_MADE) return response;
  const told = await response.json().catch(() => ({}));
  const error = new Error(told.error ?? `the server answered ${response.status}`);
  error.status = response.status;
  throw error;
}

async function show(name) {
  part = name;
  for (const tab of tabs) {
    const chosen = tab.dataset.part === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
  }
  asked.set("part", name);
  history.replaceState(null, "", `?${asked}`);
  if ("empty" in canvas.dataset) {
    fail("There is nothing to map yet: index a folder first.");
    return;
  }
  try {
    listed ??= await (await answer("api/v1/map/tracks")).json();
    const response = await answer(`api/v1/map/${name}`);
    if (response.headers.get("x-partwise-map-version") !== listed.version) {
      listed = await (await answer("api/v1/map/tracks")).json(); // the map was made anew meanwhile
      selected = -1;
    }
    const plane = floats(await response.arrayBuffer());
    if (part !== name || plane.length !== 2 * listed.track_ids.length) return;
    points = new Points(listed, plane);
    matches = matching(listed, by("map-search").value);
    fail(points.count ? "" : `No track of the library has the part ${name}.`);
    const label = `Map of ${points.count} tracks by ${name}; arrow keys move, plus and minus zoom`;
    canvas.setAttribute("aria-label", label);
    canvas.dataset.part = name;
    canvas.dataset.points = String(points.count);
    recolour();
    listNear();
  } catch (error) {
    fail(`${error.message}`);
    if (error.status === BEING_MADE) setTimeout(() => part === name && show(name), AGAIN_MS);
  }
}

function floats(buffer) {
  const data = new DataView(buffer);
  const found = new Float32Array(buffer.byteLength / 4);
  for (let at = 0; at < found.length; at++) found[at] = data.getFloat32(4 * at, true);
  return found;
}

function fail(sentence) {
  by("error").textContent = sentence;
}

// --- drawing

function redraw() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(() => {
    dirty = false;
    draw();
  });
}

function draw() {
  renderer.draw(view, paper);
  const point = points && selected >= 0 ? points.rows.indexOf(selected) : -1;
  by("map-ring").hidden = point < 0;
  if (point >= 0) {
    const [px, py] = view.toScreen(points.x[point], points.y[point]);
    by("map-ring").style.transform = `translate(${px}px, ${py}px)`;
  }
}

function recolour() {
  if (!points) return;
  const strong = matches && Uint8Array.from(points.rows, (row) => matches[row]);
  renderer.show(points, colours(points, listed.groups, matches, paper), strong);
  const count = strong ? strong.reduce((sum, one) => sum + one, 0) : 0;
  by("map-matches").textContent = strong ? `${count} of ${points.count} match` : "";
  redraw();
}

function readPaper() {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(stage).backgroundColor;
  probe.fillRect(0, 0, 1, 1);
  paper = [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  recolour();
}

function fit() {
  renderer.resize(stage.clientWidth, stage.clientHeight);
  view.resize(stage.clientWidth, stage.clientHeight);
  draw(); // at once: a resized canvas is empty
}

// --- points

function pointAt(px, py, reach) {
  return points ? points.nearest(...view.toPlane(px, py), reach / view.scale) : -1;
}

function nameOf(row) {
  const artist = listed.artists[row];
  return artist ? `${listed.titles[row]}, ${artist}` : listed.titles[row];
}

function showTip(point) {
  const tip = by("map-tip");
  tip.hidden = point < 0;
  if (point < 0) return;
  tip.textContent = nameOf(points.rows[point]);
  const [px, py] = view.toScreen(points.x[point], points.y[point]);
  const left = Math.max(4, Math.min(px + 12, view.width - tip.offsetWidth - 4));
  const top = py + 40 > view.height ? py - tip.offsetHeight - 12 : py + 12;
  tip.style.transform = `translate(${left}px, ${top}px)`;
}

function listNear() {
  const list = by("map-near");
  if (!points || list.contains(document.activeElement)) return;
  list.replaceChildren(...points.nearestFew(view.x, view.y, NEAR_COUNT).map((point) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = nameOf(points.rows[point]);
    button.addEventListener("click", () => play(points.rows[point]));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

// --- playing

async function play(row) {
  selected = row;
  const id = listed.track_ids[row];
  by("map-player").hidden = false;
  by("map-title").textContent = listed.titles[row];
  by("map-artist").textContent = listed.artists[row] ?? "";
  const weights = tabs.map((tab) => `${tab.dataset.part}:${tab.dataset.part === part ? 1 : 0}`);
  by("map-like").href = `./#songs=${id}&w=${weights}`;
  redraw();
  const song = { id, title: listed.titles[row], artist: listed.artists[row] };
  const start_s = await bestStart(id, part);
  if (selected === row) bar.play([song], 0, start_s);
}

/** Where a part is first heard as surely as anywhere in the track, in seconds. */
async function bestStart(id, of) {
  try {
    const told = await (await answer(`api/v1/tracks/${id}/presence`)).json();
    const heard = told.presence[of];
    const least = 0.95 * Math.max(...heard);
    return told.start_s[heard.findIndex((value) => value >= least)] ?? 0;
  } catch {
    return 0; // then from the beginning
  }
}

// --- controls

tabs.forEach((tab, number) => {
  tab.addEventListener("click", () => show(tab.dataset.part));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(number + step + tabs.length) % tabs.length];
    next.focus();
    show(next.dataset.part);
  });
});
let searchTimer = 0;
by("map-search").addEventListener("input", () => {
  clearTimeout(searchTimer);
  searchTimer = setTimeout(() => {
    matches = listed && matching(listed, by("map-search").value);
    recolour();
  }, 120);
});
by("map-in").addEventListener("click", () => view.zoom(1.6));
by("map-out").addEventListener("click", () => view.zoom(1 / 1.6));
by("map-all").addEventListener("click", () => view.showAll());
canvas.addEventListener("redraw", redraw);
new ResizeObserver(fit).observe(stage);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readPaper);
new MutationObserver(readPaper).observe(document.documentElement, { attributes: true });

// With ?fps=1 every frame is drawn, and the frames of the last second are counted.
if (asked.get("fps") === "1") {
  const shown = by("map-fps");
  shown.hidden = false;
  const times = [];
  let told = 0;
  const frame = (now) => {
    const begun = performance.now();
    draw();
    const spent = performance.now() - begun;
    times.push(now);
    while (times[0] < now - 1000) times.shift();
    if (now - told > 250) {
      told = now;
      shown.textContent = `${times.length - 1} fps, ${spent.toFixed(1)} ms a frame (${renderer.name})`;
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

fit();
readPaper();
const first = tabs.find((tab) => tab.dataset.part === asked.get("part")) ?? tabs[0];
show(first.dataset.part);
