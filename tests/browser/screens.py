"""Pictures of every page, empty and at work, and of small and deep drawings, in both themes and three sizes.

`python -m tests.browser.screens FOLDER`
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.composer.desk import document
from app.pages import PAGES
from core.design.presets import pieces
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.app import seed
from tests.app.claims_seed import seed_claims
from tests.browser import chromium, visit
from tests.browser.server import Server, serve
from tests.browser.test_canvas import unrolled


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
            for picture in (
                *pictures(browser, server, folder, "worked", link),
                *papers(browser, server, folder),
                *drawings(browser, server, folder),
            ):
                print(picture)
        browser.close()


def worked(data: Path) -> str:
    """A data folder with a draft, runs, an export and measured claims; the link that opens them."""
    ids = seed.seed(data)
    db = database.open(data)
    seed_claims(db)
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


def papers(browser: Browser, server: Server, folder: Path) -> Iterator[Path]:
    """A paper with measured claims, one without, and the board of all, from top to bottom."""
    for theme in visit.THEMES:
        for width in visit.HEIGHTS:
            for name in ("smear", "switch", "mote", "claims"):
                page, _ = visit.new_page(browser, server.url, theme=theme, width=width)
                page.goto("/papers" if name == "claims" else f"/papers?paper={name}")
                visit.settle(page)
                if name == "claims":
                    page.get_by_role("radio", name="Claims").click()
                    page.get_by_role("table").wait_for()
                long = page.get_by_test_id("stMain").evaluate("element => element.scrollHeight")
                page.set_viewport_size({"width": width, "height": long + 80})
                visit.settle(page)
                page.wait_for_timeout(400)
                picture = folder / f"paper-{name}-{width}-{theme}.png"
                page.screenshot(path=picture)
                page.context.close()
                yield picture


def drawings(browser: Browser, server: Server, folder: Path) -> Iterator[Path]:
    """The drawing of designs of 1 to 61 layers, plain and coloured by parameters."""
    db = database.open(server.data)
    for name, design in shown().items():
        link = f"/design?design={drafts.create(db, document(design)).id}"
        for theme in visit.THEMES:
            for width in visit.HEIGHTS:
                page, _ = visit.new_page(browser, server.url, theme=theme, width=width)
                page.goto(link)
                visit.settle(page)
                for state in ("build", "heat"):
                    if state == "heat":
                        page.get_by_role("button", name="Heat", exact=True).click()
                    page.wait_for_timeout(600)
                    visit.settle(page)
                    picture = folder / f"drawing-{name}-{state}-{width}-{theme}.png"
                    page.screenshot(path=picture)
                    yield picture
                page.context.close()


def shown() -> dict[str, Design]:
    """Designs by the number of their layers."""
    starter = preset("starter").model_dump(mode="json")
    starter["stacks"][0]["layers"][0]["times"] = 1
    experts = [pieces.glu(512, 6), pieces.glu(1024), pieces.glu(900)]
    bank = pieces.moe(experts, pieces.router(2), shared=[pieces.glu(1024)])
    mixer = pieces.attention(16, 4, head_width=64)
    uneven = {
        "name": "Uneven 24",
        "width": 1024,
        "task": pieces.language(4096, 32000),
        "stacks": pieces.decoder(
            pieces.repeat(2, pieces.layer(mixer, pieces.dense(pieces.glu(4096)))),
            pieces.repeat(22, pieces.layer(mixer, bank)),
        ),
    }
    return {
        "1": Design.model_validate(starter),
        "24": Design.model_validate(uneven),
        "61": preset("deepseek-v3"),
        "61-apart": unrolled("deepseek-v3"),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
