// The filters: a form that shows the conditions of a question and changes them.

import { number } from "./state.js";

const NUMBERS = ["year_from", "year_to", "duration_from_s", "duration_to_s", "max_per_artist"];
const WAIT_MS = 250;

export function makeFilters(question, changed) {
  const form = document.getElementById("filter-form");
  const fields = form.elements;
  let timer = 0;

  function read() {
    const asked = question();
    asked.text = fields.namedItem("text").value;
    for (const name of NUMBERS) {
      const field = fields.namedItem(name);
      const value = field.validity.valid ? number(field.value) : null;
      asked[name] = value === null || name.endsWith("_s") ? value : Math.round(value);
    }
    asked.include_duplicates = fields.namedItem("include_duplicates").checked;
    count();
    changed();
  }

  function count() {
    const asked = question();
    let on = NUMBERS.filter((name) => asked[name] !== null).length;
    if (asked.text.trim()) on += 1;
    if (asked.include_duplicates) on += 1;
    document.getElementById("filters-on").textContent = on ? ` · ${on} on` : "";
  }

  function show() {
    const asked = question();
    fields.namedItem("text").value = asked.text;
    for (const name of NUMBERS) fields.namedItem(name).value = asked[name] ?? "";
    fields.namedItem("include_duplicates").checked = asked.include_duplicates;
    count();
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
