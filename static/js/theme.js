// Light or dark, before the first paint: the person's choice, else the system's. Runs in the head.
(() => {
  const KEY = "omm-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const page = document.documentElement;

  function chosen() {
    try {
      return localStorage.getItem(KEY) ?? "";
    } catch {
      return ""; // storage may be forbidden: then the system decides
    }
  }

  function apply(choice = chosen()) {
    page.dataset.themeChoice = choice;
    page.dataset.bsTheme = choice || (system.matches ? "dark" : "light");
  }

  function choose({ detail }) {
    try {
      if (detail) localStorage.setItem(KEY, detail);
      else localStorage.removeItem(KEY);
    } catch {
      // it holds for this page only
    }
    apply(detail);
  }

  system.addEventListener("change", () => apply());
  addEventListener("storage", () => apply()); // chosen in another tab
  addEventListener("omm-theme", choose); // chosen on this page: "light", "dark" or ""
  apply();
})();
