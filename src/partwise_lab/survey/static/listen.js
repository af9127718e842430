// The sounds and keys of the listening test. One clip plays at a time; questions can be answered
// once each clip has been heard for a while.

const HEARD_S = 2;

const clips = [...document.querySelectorAll("[data-clip]")].map((button) => ({
  button,
  audio: new Audio(),
  bar: button.parentElement.querySelector("progress"),
  plays: button.parentElement.querySelector("input"),
  heard: false,
  counted: false,
}));
const form = document.querySelector("[data-question]");
const status = document.querySelector("[data-status]");
const shown = performance.now();

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

function name(clip, verb) {
  clip.button.textContent = `${verb} ${clip.button.dataset.name}`;
}

function stop(clip) {
  clip.audio.pause();
  clip.audio.currentTime = 0;
}

async function toggle(clip) {
  if (clip.button.disabled) return;
  if (!clip.audio.paused) {
    stop(clip);
    return;
  }
  clips.filter((other) => other !== clip && !other.audio.paused).forEach(stop);
  clip.counted = false;
  try {
    await clip.audio.play();
  } catch (error) {
    // Stopped before it began is no fault.
    if (error.name !== "AbortError") say("The browser cannot play this sound.");
  }
}

function hear(clip) {
  const enough = Math.min(HEARD_S, clip.audio.duration - 0.1);
  if (clip.counted || clip.audio.currentTime < enough) return;
  clip.counted = clip.heard = true;
  clip.button.dataset.heard = "";
  if (clip.plays) clip.plays.value = Number(clip.plays.value) + 1;
  if (form) ready();
}

function ready() {
  const left = clips.filter((clip) => !clip.heard).map((clip) => clip.button.dataset.name);
  say(left.length ? `Still to be played: ${left.join(", ")}.` : "You can answer now.");
  if (left.length) return;
  form.querySelectorAll("fieldset").forEach((fieldset) => (fieldset.disabled = false));
  form.querySelector("[data-testid=next]").disabled = !form.checkValidity();
}

async function load(clip) {
  const answer = await fetch(clip.button.dataset.src);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  clip.audio.src = URL.createObjectURL(await answer.blob());
  clip.button.disabled = false;
}

for (const clip of clips) {
  clip.button.addEventListener("click", () => toggle(clip));
  clip.audio.addEventListener("play", () => name(clip, "Stop"));
  clip.audio.addEventListener("pause", () => name(clip, "Play"));
  clip.audio.addEventListener("ended", () => hear(clip));
  clip.audio.addEventListener("timeupdate", () => {
    clip.bar.value = clip.audio.currentTime / (clip.audio.duration || 1);
    hear(clip);
  });
}

if (clips.length) {
  Promise.all(clips.map(load)).then(
    () => say(form ? "Play X, A and B." : "Ready."),
    () => say("The sounds could not be loaded: please reload the page."),
  );
}

// 1 to 4 answer the first group without an answer; once all have one, the group with the focus.
function choose(number) {
  const groups = [...form.querySelectorAll("[data-choices]:not(:disabled)")];
  const group =
    groups.find((each) => !each.querySelector(":checked")) ??
    groups.find((each) => each.contains(document.activeElement)) ??
    groups[0];
  const choice = group?.querySelectorAll("input")[number];
  if (!choice) return;
  choice.checked = true;
  choice.focus(); // so that Enter goes on, and does not play again what was played last
  ready();
}

// A second click while the first is on its way is none.
for (const each of document.forms) {
  let sent = false;
  each.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}

if (form) {
  form.addEventListener("change", ready);
  form.addEventListener("submit", () => {
    form.elements.choice_time_ms.value = Math.round(performance.now() - shown);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const key = event.key.toLowerCase();
    const clip = clips.find((each) => each.button.dataset.clip === key);
    if (clip) {
      toggle(clip);
    } else if ("1234".includes(key)) {
      choose(Number(key) - 1);
    } else if (key === "enter" && !event.target.closest("button, a, summary")) {
      if (!form.querySelector("[data-testid=next]").disabled) form.requestSubmit();
    } else {
      return;
    }
    event.preventDefault();
  });
}
