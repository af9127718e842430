// What the page says to everyone, screen readers included.

let timer = 0;

/** One sentence about what went wrong; stays until the next thing works, or for half a minute. */
export function sayError(error) {
  if (error?.name === "AbortError") return;
  const place = document.getElementById("error");
  const sentence = typeof error === "string" ? error : (error?.message ?? String(error));
  place.textContent = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  window.clearTimeout(timer);
  timer = window.setTimeout(clearError, 30_000);
}

export function clearError() {
  document.getElementById("error").textContent = "";
}
