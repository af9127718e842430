// The queue, opened above the bar: what is to come, in an order that can be changed by buttons and
// by dragging.

import { clock } from "./parts.js";

const KIND = "application/x-partwise-queued";
const FROM = { list: "", hand: "added", radio: "radio" };

const byId = (id) => document.getElementById(id);

/** on: {jump(item), remove(item), move(item, place), clear()}. */
export function showQueue(on) {
  const box = byId("queue");
  const list = byId("queue-list");
  const opener = byId("bar-queue");
  const template = byId("queue-template");
  let queue = null;

  function toggle(open = box.hidden) {
    box.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    if (open) {
      fill();
      list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
      byId("queue-title").focus();
    } else if (box.contains(document.activeElement) || document.activeElement === document.body) {
      opener.focus();
    }
  }

  function row(item, place) {
    const element = template.content.firstElementChild.cloneNode(true);
    const find = (selector) => element.querySelector(selector);
    const title = item.title || "…";
    const current = item.key === queue.current?.key;
    element.dataset.key = String(item.key);
    find(".queue-name").textContent = title;
    const facts = [item.artist, item.duration_s && clock(item.duration_s), FROM[item.by]];
    find(".queue-by").textContent = (current ? ["plays now", ...facts] : facts).filter(Boolean).join(" · ");
    if (current) element.setAttribute("aria-current", "true");
    find(".queue-play").addEventListener("click", () => on.jump(item));
    const buttons = { up: place - 1, down: place + 1 };
    for (const [name, to] of Object.entries(buttons)) {
      const button = find(`.queue-${name}`);
      button.setAttribute("aria-label", `Move ${title} ${name}`);
      button.disabled = to < 0 || to >= queue.items.length;
      button.addEventListener("click", () => move(item, to, name));
    }
    const remove = find(".queue-remove");
    remove.setAttribute("aria-label", `Remove ${title} from the queue`);
    remove.addEventListener("click", () => {
      on.remove(item);
      const after = list.children[Math.min(place, list.children.length - 1)];
      (after?.querySelector(".queue-remove") ?? byId("queue-close")).focus();
    });
    element.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData(KIND, String(item.key));
      event.dataTransfer.effectAllowed = "move";
    });
    element.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes(KIND)) return;
      event.preventDefault();
      element.classList.add("over");
    });
    element.addEventListener("dragleave", () => element.classList.remove("over"));
    element.addEventListener("drop", (event) => {
      const dragged = queue.items.find((one) => String(one.key) === event.dataTransfer.getData(KIND));
      if (!dragged) return;
      event.preventDefault();
      on.move(dragged, place);
    });
    return element;
  }

  /** By a button, which keeps the focus at the song's new place. */
  function move(item, to, name) {
    on.move(item, to);
    const moved = list.querySelector(`[data-key="${item.key}"]`);
    const button = moved?.querySelector(`.queue-${name}`);
    (button?.disabled ? moved.querySelector(".queue-remove") : button)?.focus();
    byId("queue-said").textContent = `${item.title} is number ${to + 1} of ${queue.items.length}`;
  }

  function fill() {
    list.replaceChildren(...queue.items.map(row));
    const length_s = queue.coming.reduce((sum, item) => sum + (item.duration_s ?? 0), 0);
    const { length } = queue.coming;
    const many = length === 1 ? "1 song to come" : `${length} songs to come`;
    byId("queue-facts").textContent = length ? `${many} · ${clock(length_s)}` : "Nothing comes after it.";
    byId("queue-clear").disabled = !length;
  }

  opener.addEventListener("click", () => toggle());
  byId("queue-close").addEventListener("click", () => toggle(false));
  byId("queue-clear").addEventListener("click", () => {
    on.clear();
    byId("queue-close").focus();
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    toggle(false);
  });

  return {
    show(now) {
      queue = now;
      byId("bar-coming").textContent = String(queue.coming.length);
      if (!queue.current) {
        box.hidden = true;
        opener.setAttribute("aria-expanded", "false");
      }
      if (!box.hidden) fill();
    },
    toggle,
  };
}
