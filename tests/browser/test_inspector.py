"""The panel beside the drawing: the way up, the methods, the size dial."""

import pytest
from playwright.sync_api import expect

from app.composer.desk import document, read
from core.design.presets.registry import preset
from storage import database, drafts
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import new_draft, stored
from tests.browser.server import Server


@pytest.mark.parametrize("theme", visit.THEMES)
def test_up_from_a_router_to_the_size_dial(open_page: OpenPage, server: Server, theme: str):
    db = database.open(server.data)
    draft = drafts.create(db, document(preset("starter")))
    page = open_page(f"/design?design={draft.id}")
    page.get_by_role("button", name="Router: softmax, top-2").click()
    expect(page.get_by_role("heading", name="Router")).to_be_visible()
    expect(page.get_by_text("512 parameters")).to_be_visible()
    visit.settle(page)
    assert visit.axe_violations(page) == []
    page.get_by_role("button", name="Design", exact=True).click()
    expect(page.get_by_role("heading", name="Whole design")).to_be_visible()
    page.get_by_text("Width, depth and experts apart").click()
    page.get_by_role("slider", name="Width").press("ArrowRight")
    page.get_by_role("slider", name="Width").press("ArrowRight")
    expect(page.get_by_text("width 64 → 128")).to_be_visible()
    visit.settle(page)
    assert visit.axe_violations(page) == []
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Width", exact=True)).to_have_value("128")
    saved = drafts.get(db, draft.id)
    assert (read(saved.design).width, saved.undo) == (128, "Size dial: ×2 width")
    db.close()


def test_an_emptied_number_stays_as_it_was(open_page: OpenPage, server: Server):
    """Nothing, or letters, which a number field does not take, must not become the smallest number."""
    draft = new_draft(server, "starter")
    page = open_page(f"/design?design={draft}")
    field = page.get_by_role("spinbutton", name="Experts", exact=True)
    for _ in range(2):
        field.fill("")
        field.press("Enter")
        expect(field).to_have_value("8")
        visit.settle(page)
    assert stored(server, draft) == preset("starter")
