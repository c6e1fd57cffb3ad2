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

  function choose(choice) {
    try {
      if (choice) localStorage.setItem(KEY, choice);
      else localStorage.removeItem(KEY);
    } catch {
      // it holds for this page only
    }
    apply(choice);
  }

  system.addEventListener("change", () => apply());
  addEventListener("storage", () => apply()); // chosen in another tab
  addEventListener("omm-theme", ({ detail }) => choose(detail)); // on this page: "light", "dark", ""

  // The choice made on the other OMM's pages, when one of them was just handed over.
  const brought = /(?:^|; )omm-theme=(light|dark|system)/.exec(document.cookie)?.[1];
  if (brought) {
    document.cookie = "omm-theme=; path=/; max-age=0; samesite=lax";
    choose(brought === "system" ? "" : brought);
  } else {
    apply();
  }
})();
