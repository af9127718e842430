// Opened as a file, browsers load neither modules nor data: say so, where no module can.
if (location.protocol === "file:") {
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("error").textContent =
      "Browsers let this page work only when it is served: python -m http.server -d site";
  });
}
