// Where one looks, moved by pointers, the wheel and keys.

const NEAREST = 400; // how many times closer than the whole
const KEY_STEP = 0.15; // of the picture's width
const CLICK_PX = 6;
const GLIDE_MS = 160;

/** changed(): the view has moved. click(x, y), hover(x, y): in CSS pixels; hover(null) on leaving. */
export class View {
  constructor(canvas, { changed, click, hover, enter }) {
    this.canvas = canvas;
    this.on = { changed, click, hover, enter };
    this.width = this.height = 1;
    this.x = this.y = 0;
    this.scale = 1;
    this.pointers = new Map();
    this.glide = 0;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => this.#up(event));
    }
    canvas.addEventListener("pointerleave", () => this.on.hover(null));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** CSS pixels per unit at which everything is in sight. */
  get whole() {
    return 0.47 * Math.min(this.width, this.height);
  }

  resize(width, height) {
    const share = this.scale / this.whole;
    this.width = width;
    this.height = height;
    this.scale = this.whole * (this.started ? share : 1);
    this.started = true;
    this.on.changed();
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (y - this.y) * this.scale + this.height / 2];
  }

  toPlane(px, py) {
    return [(px - this.width / 2) / this.scale + this.x, (py - this.height / 2) / this.scale + this.y];
  }

  /** Move there, gliding unless the user wants no motion. */
  go(x, y, scale) {
    cancelAnimationFrame(this.glide);
    const goal = [clamp(x, -1, 1), clamp(y, -1, 1), clamp(scale, this.whole * 0.8, this.whole * NEAREST)];
    const from = [this.x, this.y, this.scale];
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begun = performance.now();
    const step = (now) => {
      const share = still ? 1 : clamp((now - begun) / GLIDE_MS, 0, 1);
      [this.x, this.y] = [0, 1].map((axis) => from[axis] + share * (goal[axis] - from[axis]));
      this.scale = from[2] * (goal[2] / from[2]) ** share;
      this.on.changed();
      if (share < 1) this.glide = requestAnimationFrame(step);
    };
    step(begun);
  }

  showAll() {
    this.go(0, 0, this.whole);
  }

  zoom(factor) {
    this.go(this.x, this.y, this.scale * factor);
  }

  // Zoom while what lies under (px, py) stays there.
  #zoomAt(px, py, factor) {
    cancelAnimationFrame(this.glide);
    const [x, y] = this.toPlane(px, py);
    this.scale = clamp(this.scale * factor, this.whole * 0.8, this.whole * NEAREST);
    const [nowX, nowY] = this.toPlane(px, py);
    this.#shift(x - nowX, y - nowY);
  }

  #shift(dx, dy) {
    this.x = clamp(this.x + dx, -1, 1);
    this.y = clamp(this.y + dy, -1, 1);
    this.on.changed();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    cancelAnimationFrame(this.glide);
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#place(event));
    this.moved = this.pointers.size > 1 ? Infinity : 0; // a pinch is no click
  }

  #move(event) {
    const now = this.#place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.on.hover(...now);
      return;
    }
    const dx = now[0] - before[0], dy = now[1] - before[1];
    this.moved += Math.hypot(dx, dy);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]);
      const is = Math.hypot(now[0] - other[0], now[1] - other[1]);
      this.#shift(-dx / 2 / this.scale, -dy / 2 / this.scale);
      if (was > 0 && is > 0) this.#zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, is / was);
    } else if (this.moved > CLICK_PX) {
      this.#shift(-dx / this.scale, -dy / this.scale);
      this.on.hover(null);
    }
  }

  #up(event) {
    const known = this.pointers.delete(event.pointerId);
    if (known && event.type === "pointerup" && this.moved <= CLICK_PX) {
      this.on.click(...this.#place(event), event.pointerType);
    }
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.#zoomAt(...this.#place(event), Math.exp(-clamp(event.deltaY * lines, -200, 200) / 300));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (KEY_STEP * this.width) / this.scale;
    const moves = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    };
    if (moves[event.key]) this.go(this.x + moves[event.key][0], this.y + moves[event.key][1], this.scale);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-" || event.key === "_") this.zoom(1 / 1.5);
    else if (event.key === "0" || event.key === "Home") this.showAll();
    else if (event.key === "Enter") this.on.enter();
    else return;
    event.preventDefault();
  }
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}
