"""Pictures of every page, empty and at work, in both themes and three sizes.

`python -m tests.browser.screens FOLDER`
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.composer.desk import document
from app.pages import PAGES
from core.design.presets.registry import preset
from storage import database, drafts
from tests.app import seed
from tests.browser import chromium, visit
from tests.browser.server import Server, serve


def main(folder: Path) -> None:
    """Write STATE-PAGE-WIDTH-THEME.png for every page into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="moe-studio-screens-") as scratch, sync_playwright() as play:
        browser = chromium.launch(play)
        with serve(Path(scratch) / "empty") as server:
            for picture in pictures(browser, server, folder, "empty", ""):
                print(picture)
        data = Path(scratch) / "worked"
        link = worked(data)
        with serve(data) as server:
            for picture in pictures(browser, server, folder, "worked", link):
                print(picture)
        browser.close()


def worked(data: Path) -> str:
    """A data folder with a draft, runs and an export; the link that opens them."""
    ids = seed.seed(data)
    db = database.open(data)
    seed.write_export(db, ids["done"], "export")
    draft = drafts.create(db, document(preset("starter")))
    return f"?design={draft.id}&run={ids['done']}"


def pictures(browser: Browser, server: Server, folder: Path, state: str, link: str) -> Iterator[Path]:
    """Every page of one server, in all themes and widths."""
    for theme in visit.THEMES:
        for width in visit.HEIGHTS:
            for entry in PAGES:
                page, _ = visit.new_page(browser, server.url, theme=theme, width=width)
                page.goto(entry.address + link)
                visit.settle(page)
                page.wait_for_timeout(400)
                picture = folder / f"{state}-{entry.url_path}-{width}-{theme}.png"
                page.screenshot(path=picture)
                page.context.close()
                yield picture


if __name__ == "__main__":
    main(Path(sys.argv[1]))
