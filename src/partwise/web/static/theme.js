// Light or dark: what the visitor chose here before, else what the system says. Not a module, so
// that it runs before the first paint.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function remembered() {
    try {
      return window.localStorage.getItem("partwise-theme");
    } catch {
      return null; // storage is switched off
    }
  }

  function remember(theme) {
    try {
      window.localStorage.setItem("partwise-theme", theme);
    } catch {
      // it lasts as long as the page then
    }
  }

  function isDark() {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : system.matches;
  }

  function tell() {
    document.getElementById("theme-toggle")?.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new CustomEvent("partwise:theme", { detail: { dark: isDark() } }));
  }

  const theme = remembered();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  system.addEventListener("change", tell);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme-toggle")?.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      tell();
    });
    tell();
  });
})();
