// The filters: a form that shows the conditions of a question and changes them.

import { countOf, number } from "./conditions.js";
import { PARTS, clock, secondsOf } from "./parts.js";

const TEXTS = ["text", "genre", "artists", "not_artists"];
const TIMES = ["duration_from_s", "duration_to_s"];
const WHOLE = ["year_from", "year_to", "max_per_artist", "max_per_album"];
const HEARD = { yes: true, no: false };
const WAIT_MS = 250;

export function makeFilters(question, changed) {
  const form = document.getElementById("filter-form");
  const field = (name) => form.elements.namedItem(name);
  const valid = (name) => (field(name).validity.valid ? field(name).value : "");
  let timer = 0;

  function read() {
    const asked = question();
    for (const name of TEXTS) asked[name] = field(name).value;
    for (const name of TIMES) asked[name] = number(valid(name));
    for (const name of WHOLE) {
      const value = number(valid(name));
      asked[name] = value === null ? null : Math.round(value);
    }
    asked.has = {};
    asked.enters_after_s = {};
    for (const part of PARTS) {
      const heard = HEARD[field(`has_${part}`).value];
      const after_s = secondsOf(valid(`enters_${part}`));
      if (heard !== undefined) asked.has[part] = heard;
      if (after_s !== null && heard !== false) asked.enters_after_s[part] = after_s;
    }
    asked.include_duplicates = field("include_duplicates").checked;
    show({ values: false });
    changed();
  }

  /** values: put them into the fields too, which somebody may be typing into. */
  function show({ values = true } = {}) {
    const asked = question();
    if (values) {
      for (const name of TEXTS) field(name).value = asked[name];
      for (const name of [...TIMES, ...WHOLE]) field(name).value = asked[name] ?? "";
      for (const part of PARTS) {
        const after_s = asked.enters_after_s[part];
        field(`has_${part}`).value = { true: "yes", false: "no" }[asked.has[part]] ?? "";
        field(`enters_${part}`).value = after_s === undefined ? "" : clock(after_s);
      }
      field("include_duplicates").checked = asked.include_duplicates;
    }
    // What is not heard in a song does not enter it.
    for (const part of PARTS) field(`enters_${part}`).disabled = asked.has[part] === false;
    const on = countOf(asked);
    document.getElementById("filters-on").textContent = on ? ` · ${on} on` : "";
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(read, WAIT_MS);
  });
  document.getElementById("filters-clear").addEventListener("click", () => {
    form.reset();
    read();
  });

  return { show };
}
