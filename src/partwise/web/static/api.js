// The HTTP API as functions. Whatever goes wrong is an Error with one sentence for people.

// Relative to the pages, which lie side by side: they work under any prefix of a proxy.
const ROOT = "api/v1";

export class ApiError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

async function failure(response) {
  let sentence = `The server answered ${response.status}.`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch {
    // not JSON: the status has to do
  }
  return new ApiError(sentence, response.status);
}

async function ask(method, path, { body, signal } = {}) {
  let response;
  try {
    response = await fetch(ROOT + path, {
      method,
      signal,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached: is partwise still running?", 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function json(method, path, options) {
  const response = await ask(method, path, options);
  return response.status === 204 ? null : response.json();
}

export const status = () => json("GET", "/status");
export const track = (songId) => json("GET", `/tracks/${songId}`);
export const search = (question, signal) => json("POST", "/search", { body: question, signal });
export const usual = (asked) => json("POST", "/usual", { body: asked });
export const moments = (question) => json("POST", "/moments", { body: question });
export const radioNext = (session, signal) => json("POST", "/radio/next", { body: session, signal });
export const path = (asked, signal) => json("POST", "/path", { body: asked, signal });
export const presence = (songId) => json("GET", `/tracks/${songId}/presence`);
export const startIndex = (order) => json("POST", "/index", { body: order });
export const stopIndex = () => json("DELETE", "/index");
export const watchFolder = (path, watched) => json("PUT", "/folders/watched", { body: { path, watched } });
export const forgetFolder = (path) => json("DELETE", `/folders?${new URLSearchParams({ path })}`);
export const browseFolders = (path, text, limit, offset) =>
  json("GET", `/folders/browse?${new URLSearchParams({ path, text, limit, offset })}`);
export const audioAddress = (songId) => `${ROOT}/tracks/${songId}/audio`;
export const coverAddress = (songId) => `${ROOT}/tracks/${songId}/cover`;
export const INDEX_EVENTS = `${ROOT}/index/events`;

/** The tracks that have a part, in clusters; count: null for as many as is usual. */
export function clusters(part, count, members, signal) {
  const asked = new URLSearchParams({ members: String(members) });
  if (count !== null) asked.set("count", String(count));
  return json("GET", `/clusters/${part}?${asked}`, { signal });
}

/** The wave of a song and the gain that levels it; of a passage where times are given. */
export function peaks(songId, points, passage = null) {
  const asked = new URLSearchParams({ points: String(points) });
  if (passage) {
    asked.set("start_s", String(passage[0]));
    asked.set("end_s", String(passage[1]));
  }
  return json("GET", `/tracks/${songId}/peaks?${asked}`);
}

/** A passage of a song through the mask of a part, as the bytes of a FLAC. */
export async function audition(songId, part, start_s, end_s) {
  const asked = new URLSearchParams({ part, start_s: String(start_s), end_s: String(end_s) });
  const response = await ask("GET", `/tracks/${songId}/audition?${asked}`);
  return response.arrayBuffer();
}

/** A playlist as a file to save: {blob, name}. */
export async function playlist(trackIds, format, title) {
  const body = { track_ids: trackIds, format, title };
  const response = await ask("POST", "/playlists", { body });
  return { blob: await response.blob(), name: `${title}.${format}` };
}

/** Send a file; `progress` hears the share that is sent, 0..1. XMLHttpRequest knows it. */
export function upload(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // handled below
      }
      if (request.status === 201 && answer) resolve(answer);
      else {
        const sentence = answer?.error ?? `The server answered ${request.status}.`;
        reject(new ApiError(sentence, request.status));
      }
    });
    request.addEventListener("error", () => {
      reject(new ApiError("The file could not be sent: the connection was cut.", 0));
    });
    request.open("POST", `${ROOT}/uploads`);
    request.send(form);
  });
}
