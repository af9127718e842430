// Files of the visitor: chosen or dropped, sent, and heard by the server.

import * as api from "./api.js";
import { clearError, sayError } from "./say.js";
import { takeDrops } from "./seeds.js";

/** used(song): what became of a file for the query. Returns {send(file)}, which gives the song. */
export function makeFiles({ used, songDropped }) {
  const area = document.getElementById("file-drop");
  const input = document.getElementById("file-input");
  const bar = document.getElementById("upload-progress");
  const state = document.getElementById("upload-state");

  async function send(file) {
    clearError();
    bar.hidden = false;
    bar.value = 0;
    state.textContent = `Sending ${file.name}`;
    try {
      const track = await api.upload(file, (share) => {
        bar.value = share;
        state.textContent = `Sending ${file.name}: ${Math.floor(100 * share)} %`;
        if (share === 1) {
          bar.removeAttribute("value"); // sent; how long hearing takes is not known
          state.textContent = `Listening to ${file.name}`;
        }
      });
      state.textContent = "";
      return { id: track.track_id, name: track.title, parts: track.parts };
    } catch (error) {
      state.textContent = "";
      sayError(error.name === "AbortError" ? error : `“${file.name}”: ${error.message}`);
      return null;
    } finally {
      bar.hidden = true;
    }
  }

  async function take(file) {
    const song = await send(file);
    if (song) used(song);
  }

  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  takeDrops(area, { song: songDropped, file: take });
  // A file that misses must not replace the page.
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => event.preventDefault());
  }

  return { send };
}
