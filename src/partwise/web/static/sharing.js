// What leaves the page: a link to the question, and the hits as a playlist.

import * as api from "./api.js";
import { clearError, sayError } from "./say.js";

const TOLD_MS = 1800;

/**
 * ids(): the tracks of a playlist, in order. none(): choose no hits. title(): the name of the
 * query. Gives {show(count)}, for when so many hits are chosen.
 */
export function makeSharing({ ids, none, title }) {
  const chooseNone = document.getElementById("choose-none");
  chooseNone.addEventListener("click", () => {
    none();
    document.getElementById("hits-title").focus({ preventScroll: true });
  });
  const share = document.getElementById("share-link");
  const label = share.textContent;

  share.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      share.textContent = "Link copied";
    } catch {
      share.textContent = "Copy the address above"; // no permission, or no secure connection
    }
    window.setTimeout(() => {
      share.textContent = label;
    }, TOLD_MS);
  });

  for (const button of document.querySelectorAll("button.playlist")) {
    button.addEventListener("click", async () => {
      const tracks = ids();
      if (!tracks.length) {
        sayError("There are no hits to put into a playlist: pick a song first.");
        return;
      }
      button.disabled = true;
      try {
        const name = `partwise like ${title()}`.trim();
        const { blob, name: file } = await api.playlist(tracks, button.dataset.format, name);
        save(blob, file);
        clearError();
      } catch (error) {
        sayError(error);
      } finally {
        button.disabled = false;
      }
    });
  }

  return {
    show(count) {
      chooseNone.hidden = count === 0;
      const of = count ? `${count} chosen` : "the hits";
      document.getElementById("playlist-of").textContent = count ? `Playlist of ${count} chosen` : "Playlist";
      for (const button of document.querySelectorAll("button.playlist")) {
        button.setAttribute("aria-label", `${button.textContent} playlist of ${of}`);
        button.title = count ? `Playlist of ${count} chosen` : "Playlist of the hits that are shown";
      }
    },
  };
}

/** Let the browser save a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[\\/:*?"<>|\u0000-\u001f]+/g, "-");
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
