// The colours of the style sheet, for what is drawn by script.

import { PARTS } from "./parts.js";

/** {ink, muted, line, panel, accent, drums, bass, …} as the theme of the moment has them. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "muted", "line", "panel", "wash", "accent", ...PARTS];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** A canvas sized for the screen's pixels: {context, width, height} in CSS pixels, cleared. */
export function sheet(canvas, height) {
  const width = canvas.clientWidth;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
