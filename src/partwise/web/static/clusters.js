// What kinds of a part there are: a card for each cluster.

import * as api from "./api.js";
import { clearError, sayError } from "./say.js";
import { listSongs } from "./song-rows.js";

const FIRST = 50; // members that come with the cards
const MOST = 1000; // that are listed at all

const byId = (id) => document.getElementById(id);
const template = byId("cluster-template");
let asking = null;

/** Ask for the clusters of a part and show them; count: null for as many as is usual. */
export async function showClusters(part, count) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const place = byId("clusters");
  place.setAttribute("aria-busy", "true");
  byId("clusters-state").textContent = "Listening for what is alike …";
  try {
    const answer = await api.clusters(part, count, FIRST, signal);
    const { clusters, tracks } = answer;
    place.dataset.part = part;
    place.replaceChildren(...clusters.map((cluster) => cardOf(cluster, part, count)));
    byId("clusters-state").textContent = clusters.length
      ? `${songs(tracks)} with ${part}, of ${clusters.length} kind${clusters.length === 1 ? "" : "s"}`
      : `No song of the library has ${part}.`;
    clearError();
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("clusters-state").textContent = "";
    sayError(error);
  } finally {
    if (asking.signal === signal) place.removeAttribute("aria-busy");
  }
}

const songs = (count) => `${count} song${count === 1 ? "" : "s"}`;

function cardOf(cluster, part, count) {
  const card = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  const [medoid] = cluster.typical;
  card.dataset.part = part;
  find(".cluster-name").textContent = `Like ${medoid.title}`;
  find(".cluster-size").textContent = songs(cluster.size);
  // What is typical may lie behind the members that came; then it is played alone.
  const rest = cluster.members.filter((one) => cluster.typical.every((own) => own.track_id !== one.track_id));
  listSongs(find(".cluster-typical"), cluster.typical, () => null, [...cluster.typical, ...rest]);
  const link = find(".cluster-find");
  link.href = `./#${new URLSearchParams({ songs: medoid.track_id, solo: part })}`;
  link.textContent = `Find ${part === "other" ? "other sounds" : part} like this`;
  link.setAttribute("aria-label", `${link.textContent}: ${medoid.title}`);
  const more = find(".cluster-more");
  more.textContent = cluster.size === 1 ? "List it" : `List all ${cluster.size}`;
  more.setAttribute("aria-label", `${more.textContent}: like ${medoid.title}`);
  more.addEventListener("click", async () => {
    const place = find(".cluster-members");
    if (place.hidden && !place.dataset.listed) {
      try {
        listMembers(card, await allMembers(cluster, part, count));
        place.dataset.listed = "true";
      } catch (error) {
        sayError(error);
        return;
      }
    }
    place.hidden = !place.hidden;
    more.setAttribute("aria-expanded", String(!place.hidden));
  });
  return card;
}

/** The cluster with as many members as are listed. */
async function allMembers(cluster, part, count) {
  if (cluster.members.length === cluster.size) return cluster;
  const { clusters } = await api.clusters(part, count, MOST);
  const same = clusters.find((one) => one.typical[0].track_id === cluster.typical[0].track_id);
  return same ?? cluster; // the library has changed meanwhile
}

function listMembers(card, cluster) {
  listSongs(card.querySelector(".cluster-members ol"), cluster.members, ({ typicality }) => {
    const text = typicality.toFixed(2);
    return { text, words: `typical by ${text}` };
  });
  const rest = card.querySelector(".cluster-rest");
  const left = cluster.size - cluster.members.length;
  rest.hidden = left === 0;
  rest.textContent = `And ${left} more: ask for more kinds to see them.`;
}
