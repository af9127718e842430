// The explore page: what is chosen stands in its address, and is shown again from there.

import { showClusters } from "./clusters.js";
import { makeJourney } from "./journey.js";
import { PARTS } from "./parts.js";

const TRACK_ID = /^[0-9a-f]{16,64}$/;

const count = document.getElementById("cluster-count");
const radios = [...document.querySelectorAll('#cluster-part [name="part"]')];
const asked = new URLSearchParams(location.search);

const journey = makeJourney(keepAddress);
const part = () => radios.find((radio) => radio.checked).value;
const id = (name) => (TRACK_ID.test(asked.get(name) ?? "") ? asked.get(name) : "");

function keepAddress() {
  const fields = new URLSearchParams();
  const chosen = { part: part(), count: count.value, ...journey.read() };
  for (const [name, value] of Object.entries(chosen)) if (value) fields.set(name, value);
  history.replaceState(null, "", `?${fields.toString().replaceAll("%2C", ",")}`);
}

function show() {
  if (!count.checkValidity()) {
    count.reportValidity();
    return;
  }
  keepAddress();
  showClusters(part(), count.value === "" ? null : Number(count.value));
}

const first = PARTS.includes(asked.get("part")) ? asked.get("part") : PARTS[0];
for (const radio of radios) {
  radio.checked = radio.value === first;
  radio.addEventListener("change", show);
}
count.value = asked.get("count") ?? "";
if (!count.checkValidity()) count.value = "";
count.addEventListener("change", show);
journey.take({
  from: id("from"),
  to: id("to"),
  parts: asked.get("parts") ?? "",
  songs: asked.get("songs") ?? "",
});
show();
