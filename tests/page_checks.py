"""What every view must hold to, for whoever reads it: names, contrast, width."""

from __future__ import annotations

from playwright.sync_api import Page

_CONTROLS = (
    "button link textbox searchbox slider checkbox radio combobox listbox spinbutton switch tab"
    " menuitem option"
).split()
# Colours are painted and read back, so that every way to write them, and transparency, counts.
_FAINT = """() => {
  const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
  const paint = canvas.getContext("2d", {willReadFrequently: true});
  const over = (colours) => {
    paint.fillStyle = "white";
    paint.fillRect(0, 0, 1, 1);
    for (const colour of colours) {
      paint.fillStyle = colour;
      paint.fillRect(0, 0, 1, 1);
    }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((byte) => byte / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    if (!text || !element.checkVisibility({opacityProperty: true, visibilityProperty: true}))
      continue;
    if (element.closest(":disabled, [aria-disabled=true], script, style, noscript, option"))
      continue;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;  // for screen readers alone
    const grounds = [];
    let opacity = 1, picture = false;
    for (let at = element; at; at = at.parentElement) {
      const of = getComputedStyle(at);
      grounds.unshift(of.backgroundColor);
      opacity *= Number(of.opacity);
      picture ||= of.backgroundImage !== "none";
    }
    if (picture || element.closest("[inert]")) continue;
    const ground = over(grounds);
    const full = over([...grounds, style.color]);
    const ink = full.map((c, i) => opacity * c + (1 - opacity) * ground[i]);
    const [low, high] = [light(ink), light(ground)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return found;
}"""
_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > width + 1)
    .map((element) => `${element.tagName} ${element.dataset.testid ?? element.className}`);
}"""


def unnamed_controls(page: Page) -> list[str]:
    """The controls without a name to read out, as the browser's accessibility tree has them."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        f"{node['role']['value']} {node.get('properties')}"
        for node in nodes
        if not node["ignored"]
        and node.get("role", {}).get("value") in _CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]


def faint_texts(page: Page) -> list[str]:
    """Texts with less contrast than WCAG 2 AA asks for, each after its ratio."""
    return page.evaluate(_FAINT)


def too_wide(page: Page) -> list[str]:
    """What reaches out of the page sideways; empty where nothing has to be scrolled."""
    return page.evaluate(_TOO_WIDE)
