"""Designs of a studio under test: made, found on the page, read back from its database."""

import json
import re
import sqlite3
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page

from app.composer.desk import document
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.browser import visit
from tests.browser.server import Server


def new_draft(server: Server, name: str) -> str:
    """The id of a new design, a copy of a preset."""
    return drafts.create(database.open(server.data), document(preset(name))).id


def stored(server: Server, draft_id: str) -> Design:
    """The design as another process finds it."""
    with sqlite3.connect(server.data / "studio.db") as connection:
        ((text,),) = connection.execute("SELECT design FROM draft WHERE id = ?", (draft_id,)).fetchall()
    return Design.model_validate(json.loads(text))


def until(
    server: Server,
    draft_id: str,
    page: Page,
    reads: Callable[[Design], Any],
    wanted: Any,
    *,
    seconds: int = visit.PATIENCE // 1000,
) -> None:
    """Wait until what `reads` finds in the stored design is `wanted`, then for the page to rest.

    A page may be seen at rest before an act has reached the server.
    """
    for _ in range(10 * seconds):
        if reads(stored(server, draft_id)) == wanted:
            break
        page.wait_for_timeout(100)
    assert reads(stored(server, draft_id)) == wanted
    visit.settle(page)


def experts(design: Design) -> int:
    """Number of experts of the starter's MoE layers."""
    number: int = design.stacks[0].layers[0].pattern[0].parts[1].body.count
    return number


def part(page: Page, name: str) -> Locator:
    """A part of the drawing by the start of its accessible name."""
    return page.get_by_role("group", name="Layers").get_by_role("button", name=re.compile(rf"^{name}"))
