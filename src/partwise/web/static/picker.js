// Search-as-you-type: the server sends the list (HTMX), this makes it usable by mouse and keys.

import { carry } from "./seeds.js";

/** picked(song): {id, name}. name : which picker of the page, as its ids begin. */
export function makePicker(picked, name = "song") {
  const input = document.getElementById(`${name}-search`);
  const panel = document.getElementById(`${name}-panel`);
  const list = document.getElementById(`${name}-results`);
  const picker = input.closest(".picker");
  const buttons = () => [...list.querySelectorAll("button.song")];

  const open = () => {
    panel.hidden = false;
  };
  const close = () => {
    panel.hidden = true;
  };

  let stale = false; // the list does not answer what stands in the field yet
  let waiting = null; // what a key asked for before the list was there

  function onceListed(act) {
    if (stale) waiting = act;
    else act();
  }

  function pickFirst() {
    if (buttons().length) pick(buttons()[0]);
  }

  function pick(button) {
    waiting = null;
    close();
    input.value = "";
    picked({ id: button.dataset.songId, name: button.dataset.title });
  }

  function step(by) {
    const all = buttons();
    if (!all.length) return;
    open();
    const at = all.indexOf(document.activeElement) + by;
    if (at < 0) input.focus();
    else all[Math.min(at, all.length - 1)].focus();
  }

  input.addEventListener("input", () => {
    stale = true;
    waiting = null;
    open();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (!list.contains(event.target) && event.target !== input && event.target !== document) return;
    // A list that was asked for earlier may arrive now: it is not what a key waits for.
    const answers = list.querySelector("[data-answers]")?.dataset.answers;
    if (answers !== undefined && answers !== input.value.trim()) return;
    stale = false;
    const act = waiting;
    waiting = null;
    act?.();
  });
  input.addEventListener("focus", open);
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button.song");
    if (!button) return;
    pick(button);
    if (event.detail === 0) {
      input.focus(); // picked by key: the button is gone, and the focus must stay somewhere
      close();
    }
  });
  picker.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") onceListed(() => step(1));
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Escape") {
      input.focus();
      close();
    } else if (event.key === "Enter" && event.target === input) onceListed(pickFirst);
    else return;
    event.preventDefault();
  });
  picker.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !picker.contains(event.relatedTarget)) close();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!picker.contains(event.target)) close();
  });
  carry(list, (event) => {
    const button = event.target.closest?.("button.song");
    return button ? { id: button.dataset.songId, name: button.dataset.title } : null;
  });

  return { focus: () => input.focus(), close };
}
