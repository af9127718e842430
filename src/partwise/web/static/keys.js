// The keyboard: one list of keys, which is what they do and what the dialog shows. Single letters
// can be switched off there, for who dictates.

import { read, write } from "./kept.js";

/** Whether keys go into what has the focus. */
export function isTyping(target) {
  return target.matches("select, textarea, [contenteditable], input:not([type=range], [type=checkbox])");
}

const PRESSES = "button, summary, a, input, select, [role=tab]"; // where space has a meaning of its own
const MOVES = "input, select, textarea, [role=tab], [role=application], [role=slider]"; // and arrows

/**
 * keys: [{keys, words, act(event), space: true | arrows: true}]. Escape and ? always work.
 * busy(): another part of the page has the keys to itself.
 */
export function bindKeys(keys, { busy }) {
  const dialog = document.getElementById("keys");
  const list = document.getElementById("keys-list");
  const letters = document.getElementById("keys-letters");

  for (const { keys: names, words } of keys) {
    const term = document.createElement("dt");
    for (const name of names) {
      const key = document.createElement("kbd");
      key.textContent = NAMES[name] ?? name;
      term.append(key);
    }
    const text = document.createElement("dd");
    text.textContent = words;
    list.append(term, text);
  }
  letters.checked = read("letters", "local") !== false;
  letters.addEventListener("change", () => write("letters", letters.checked, "local"));
  document.getElementById("keys-close").addEventListener("click", () => dialog.close());
  document.getElementById("keys-open").addEventListener("click", () => dialog.showModal());

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (dialog.open || isTyping(target)) return;
    if (key === "?") {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    if (busy()) return;
    const found = keys.find((one) => one.act && one.keys.includes(key));
    if (!found || (!letters.checked && key.length === 1 && key !== " ")) return;
    if (key === " " && target.closest(PRESSES)) return;
    if (key.startsWith("Arrow") && (target.closest(MOVES) || !found.where(target))) return;
    if (found.act(event) !== false) event.preventDefault();
  });
}

const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
