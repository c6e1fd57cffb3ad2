"""Pictures of every page: ``make screenshots`` puts them into ``screenshots/``, which git ignores.

Starts a pair of its own with content, opens each page in headless Chromium in both themes at the
width of a desk and of a phone, and says which pages scroll sideways.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.browser.site_map import THEMES, WIDTHS, Walk, fill, pages
from tests.pair import ROOT, running_pair


def main() -> None:
    """Take the pictures, all or those of the pages that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these pages")
    parser.add_argument("--output", type=Path, default=ROOT / "screenshots")
    parser.add_argument("--theme", choices=THEMES, help="only this one")
    parser.add_argument("--width", type=int, choices=list(WIDTHS), help="only this one")
    parser.add_argument("--language", choices=["en", "de"], default="en")
    options = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine")
    language = "" if options.language == "en" else f"-{options.language}"
    options.output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        running_pair(Path(directory)) as pair,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        content = fill(pair)
        for theme in [options.theme] if options.theme else THEMES:
            for width in [options.width] if options.width else WIDTHS:
                walk = Walk(browser, pair, theme, width, options.language)
                for shown in pages(content):
                    if options.names and shown.name not in options.names:
                        continue
                    if shown.prepare and options.language != "en":
                        continue  # what is to be pressed is known by its English name
                    name = f"{shown.name}-{width}-{theme}{language}.png"
                    _take(walk.open(shown), options.output / name)
                walk.close()
        browser.close()


def _take(page: Page, path: Path) -> None:
    page.screenshot(path=path, full_page=page.locator("dialog[open]").count() == 0)
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    note = f"  scrolls sideways by {width} px" if width > 0 else ""
    sys.stdout.write(f"{path.name}{note}\n")


if __name__ == "__main__":
    main()
