// The library page: start and stop an indexing run, and watch it as the server tells of it.

import * as api from "./api.js";
import { makeChooser, makeFolders } from "./folders.js";
import { clock } from "./parts.js";
import { clearError, sayError } from "./say.js";
import { renewTracks } from "./tracks.js";

const FOLDER = "partwise-folder";

const byId = (id) => document.getElementById(id);
const folder = byId("index-folder");
const stop = byId("index-stop");
let last = null; // the job as last told
let catching = 0; // timer
let renewed = 0; // number of files done when the numbers were last asked for

function show(job) {
  const run = byId("index-progress");
  run.hidden = !job;
  if (!job) return;
  const running = job.state === "running";
  run.dataset.state = job.state;
  if (stop) stop.disabled = !running;
  if (byId("index-start")) byId("index-start").disabled = running;
  byId("run-title").textContent = title(job);
  const bar = byId("run-bar");
  if (job.files_total > 0) bar.value = job.files_done / job.files_total;
  else if (running) bar.removeAttribute("value");
  else bar.value = 1;
  byId("run-facts").textContent = facts(job);
}

function title(job) {
  if (job.state === "failed") return `The run ended: ${job.message}`;
  if (job.state === "stopped") return "Stopped. Start again to resume.";
  if (job.kind === "forget") return job.state === "done" ? "Forgotten." : `${capital(job.message)} …`;
  if (job.state === "done") return "Done.";
  if (!job.files_total) return "Looking for recordings";
  return `Listening: ${job.files_done} of ${job.files_total} files`;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function facts(job) {
  const words = [];
  if (job.kind === "forget") {
    const { forgotten } = job;
    return forgotten ? `${forgotten.tracks} tracks of ${forgotten.files} files left the library` : "";
  }
  const { summary } = job;
  if (summary) {
    for (const name of ["indexed", "unchanged", "moved", "failed", "failed_earlier", "missing"]) {
      if (summary[name]) words.push(`${summary[name]} ${name.replace("_", " ")}`);
    }
    if (!words.length) words.push("no recordings were found");
    const aside = Object.values(summary.left_aside).reduce((sum, count) => sum + count, 0);
    if (aside) words.push(`${aside} left aside`);
  } else {
    if (job.rate > 0) words.push(`${Math.round(job.rate)} × real time`);
    if (job.left_s !== null && job.files_done) words.push(`about ${clock(job.left_s)} left`);
    const { message } = job;
    if (message && message.toLowerCase() !== title(job).toLowerCase()) words.push(message);
  }
  words.push(`${clock(job.elapsed_s)} elapsed`);
  return words.join(" · ");
}

/** Numbers, folders and tables, anew from the server. */
function renew() {
  for (const id of ["holdings", "failures"]) window.htmx?.trigger(byId(id), "renew");
  renewTracks();
}

async function run(path) {
  clearError();
  try {
    const order = { folders: [path], retry_failed: byId("retry-failed").checked };
    told((await api.startIndex(order)) ?? null);
    return true;
  } catch (error) {
    sayError(error);
    return false;
  }
}

/** A server answers from what it has while it reads what is new: ask again until that is there. */
function catchUp(waits_s = [2.5, 4, 6, 12, 25]) {
  window.clearTimeout(catching);
  if (!waits_s.length) return;
  catching = window.setTimeout(() => {
    const held = byId("holdings").querySelector("[data-tracks]")?.dataset.tracks ?? "0";
    const listed = byId("tracks").querySelector("[data-of]")?.dataset.of;
    renew();
    if (waits_s.length > 3 || held !== listed) catchUp(waits_s.slice(1));
  }, waits_s[0] * 1000);
}

function told(job) {
  // A short run may have ended before anything was told of it.
  const news = last && job && (last.job_id !== job.job_id || last.state === "running");
  const ended = news && job.state !== "running";
  if (job && job.files_done >= renewed + 25) {
    renewed = job.files_done;
    renew();
  }
  if (ended) {
    renewed = 0;
    renew();
    catchUp();
  }
  last = job;
  show(job);
}

function remembered(value) {
  try {
    if (value !== undefined) window.localStorage.setItem(FOLDER, value);
    return window.localStorage.getItem(FOLDER) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

byId("index-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const path = folder.value.trim();
  if (await run(path)) remembered(path);
});

makeFolders({ run, told, renew });
if (byId("chooser")) byId("browse").addEventListener("click", makeChooser(run));

stop?.addEventListener("click", async () => {
  stop.disabled = true;
  try {
    told(await api.stopIndex());
  } catch (error) {
    sayError(error);
  }
});

if (folder && !folder.value) folder.value = remembered();
const events = new EventSource(api.INDEX_EVENTS);
events.addEventListener("job", (event) => told(JSON.parse(event.data)));
