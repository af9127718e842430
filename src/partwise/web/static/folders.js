// The folders of the library: run over one again, watch it, forget it, and choose a new one.

import * as api from "./api.js";
import { clearError, sayError } from "./say.js";

const MOST = 200; // folders shown at a time

const byId = (id) => document.getElementById(id);

/** Rows of folders. on: run(path) begins a run, told(job) hears of one, renew() shows all anew. */
export function makeFolders(on) {
  const holdings = byId("holdings");
  const rowOf = (event, what) => event.target.closest(`[${what}]`) && event.target.closest(".folder");

  holdings.addEventListener("click", (event) => {
    const again = rowOf(event, "data-rescan");
    const forgotten = rowOf(event, "data-forget");
    if (again) on.run(again.dataset.path);
    else if (forgotten) askToForget(forgotten.dataset, on);
  });
  holdings.addEventListener("change", async (event) => {
    const row = rowOf(event, "data-watch");
    if (!row) return;
    clearError();
    try {
      await api.watchFolder(row.dataset.path, event.target.checked);
    } catch (error) {
      sayError(error);
    }
    on.renew();
  });
}

const some = (count, what) => `${count} ${what}${count === "1" ? "" : "s"}`;

function askToForget({ path, shown, leaving, files }, on) {
  const dialog = byId("forget");
  const tracks = some(leaving, "track");
  byId("forget-path").textContent = shown;
  byId("forget-words").textContent =
    `${tracks} of ${some(files, "file")} leave the library. The files stay where they are; to have ` +
    "them in the library again, they have to be heard again.";
  const yes = byId("forget-yes");
  yes.textContent = `Forget ${tracks}`;
  yes.onclick = async () => {
    dialog.close();
    clearError();
    try {
      on.told(await api.forgetFolder(path));
    } catch (error) {
      sayError(error);
    }
  };
  byId("forget-cancel").onclick = () => dialog.close();
  dialog.showModal();
  byId("forget-cancel").focus();
}

/** The dialog that shows folders of the server. take(path) hears which one was chosen. */
export function makeChooser(take) {
  const dialog = byId("chooser");
  const list = byId("chooser-list");
  const text = byId("chooser-text");
  let here = null; // the answer that is shown
  let asked = 0;
  let timer = 0;

  async function show(path, offset = 0) {
    const mine = ++asked;
    try {
      const found = await api.browseFolders(path, text.value.trim(), MOST, offset);
      if (mine !== asked) return;
      const focused = list.contains(document.activeElement);
      here = found;
      if (!offset) list.replaceChildren();
      list.querySelector(".chooser-more")?.remove();
      list.append(...found.folders.map(item));
      const shown = offset + found.folders.length;
      if (shown < found.total) list.append(moreItem(found.total - shown, () => show(path, shown)));
      byId("chooser-path").textContent = found.name || "Folders that may be indexed";
      byId("chooser-up").disabled = found.parent === null;
      byId("chooser-take").disabled = !found.path;
      byId("chooser-note").textContent = note(found);
      if (focused) (list.querySelector("button") ?? byId("chooser-up")).focus();
    } catch (error) {
      byId("chooser-note").textContent = error.message;
    }
  }

  function item({ name, path }) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "chooser-folder", textContent: name });
    button.addEventListener("click", () => enter(path));
    return wrapped(button);
  }

  function moreItem(count, act) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: `${count} more` });
    button.addEventListener("click", act);
    return wrapped(button, "chooser-more");
  }

  function wrapped(button, name = "") {
    const entry = document.createElement("li");
    entry.className = name;
    entry.append(button);
    return entry;
  }

  function enter(path) {
    text.value = "";
    show(path);
  }

  function note({ total, recordings }) {
    const words = [total === 1 ? "1 folder" : `${total} folders`];
    if (recordings) words.push(recordings === 1 ? "1 recording here" : `${recordings} recordings here`);
    return words.join(" · ");
  }

  text.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => show(here?.path ?? ""), 150);
  });
  byId("chooser-up").addEventListener("click", () => here && enter(here.parent ?? ""));
  byId("chooser-cancel").addEventListener("click", () => dialog.close());
  byId("chooser-take").addEventListener("click", () => {
    dialog.close();
    take(here.path);
  });
  return () => {
    dialog.showModal();
    enter("");
  };
}
