// Every question is an address: Back and Forward walk through questions, and a small trail shows
// the last ones. A question is its songs, its passage and its songs for single parts; faders and
// filters belong to it, so moving them changes its address and adds no other.

import * as state from "./state.js";

const KEPT = "partwise-trail";
const MOST = 12;
const SHOWN = 5;

/** restore(question): another address was gone to. */
export function makeAddresses(restore) {
  const place = document.getElementById("trail");
  const list = document.getElementById("trail-list");
  let trail = remembered(); // [{key, hash, label}], the newest last
  let current = "";
  const known = new Map(); // names of songs by id

  const keyOf = (question) => JSON.stringify(state.queryOf(question));

  /** Names are no part of an address: the browser keeps them beside it. */
  function namesOf(question) {
    const named = state.songsOf(question).filter((song) => song.name);
    for (const song of named) known.set(song.id, song.name);
    return Object.fromEntries(named.map((song) => [song.id, song.name]));
  }

  /** The question of the address, with the names that the browser has kept of its songs. */
  function read() {
    const question = state.fromHash(location.hash);
    const names = history.state?.names ?? {};
    for (const song of state.songsOf(question)) song.name = names[song.id] ?? known.get(song.id) ?? "";
    return question;
  }

  function show() {
    const earlier = trail.filter((one) => one.key !== current).slice(-SHOWN).reverse();
    place.hidden = earlier.length === 0;
    list.replaceChildren(
      ...earlier.map(({ hash, label }) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `#${hash}`;
        link.textContent = label;
        link.title = label;
        item.append(link);
        return item;
      }),
    );
  }

  function note(question, hash) {
    if (state.isEmpty(question)) return;
    const label = state.labelOf(question);
    trail = trail.filter((one) => one.key !== current);
    if (label) trail.push({ key: current, hash, label });
    trail = trail.slice(-MOST);
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(trail));
    } catch {
      // no storage: the trail lasts as long as the page
    }
  }

  function keep(question, { replace = false } = {}) {
    const hash = state.toHash(question);
    const key = keyOf(question);
    const same = key === current;
    current = key;
    const address = hash ? `#${hash}` : location.pathname + location.search;
    const kept = { names: namesOf(question) };
    if (replace || same || hash === location.hash.slice(1)) history.replaceState(kept, "", address);
    else history.pushState(kept, "", address);
    note(question, hash);
    show();
  }

  // Fires for Back, Forward, links of the trail and edited addresses, and not for `keep`.
  window.addEventListener("hashchange", () => {
    const question = read();
    current = keyOf(question);
    restore(question);
  });

  return {
    read,
    /** Put a question into the address: another one is gone to, the same one is changed. */
    keep,
  };
}

function remembered() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.hash === "string") : [];
  } catch {
    return [];
  }
}
