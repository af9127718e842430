// Rows that can be played, wherever a page lists songs: [data-row], each with a [data-play] button
// and a [data-row-focus] that takes the focus.

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());

/** Move the focus to the next row, or back; false where there are none. */
export function nextRow(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const to = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(at + by, all.length - 1));
  all[to].querySelector("[data-row-focus]").focus();
  all[to].scrollIntoView({ block: "nearest" });
  return true;
}

/** Play the row that has the focus. */
export function playRow() {
  const row = rows().find((one) => one.contains(document.activeElement));
  row?.querySelector("[data-play]")?.click();
}
