"""Pictures of every page in both themes and three sizes: `python -m tests.browser.screens FOLDER`."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from app.pages import PAGES
from tests.browser import chromium, visit
from tests.browser.server import serve


def main(folder: Path) -> None:
    """Write PAGE-WIDTH-THEME.png for every page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="moe-studio-screens-") as scratch,
        serve(Path(scratch) / "data") as server,
        sync_playwright() as play,
    ):
        browser = chromium.launch(play)
        for theme in visit.THEMES:
            for width in visit.HEIGHTS:
                for entry in PAGES:
                    page, _ = visit.new_page(browser, server.url, theme=theme, width=width)
                    page.goto(entry.address)
                    visit.settle(page)
                    picture = folder / f"{entry.url_path}-{width}-{theme}.png"
                    page.screenshot(path=picture)
                    page.context.close()
                    print(picture)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
