"""Versions, comparison and links in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.composer.desk import document
from app.links import address
from core.design.edit import SetValue
from core.design.edits import apply
from core.design.link import encode
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import experts, new_draft, stored, until
from tests.browser.server import Server

MOE = "/stacks/0/layers/0/pattern/0/parts/1/body"


def with_experts(number: int, name: str) -> Design:
    design = apply(preset("starter"), SetValue(path=f"{MOE}/experts/0/count", value=number))
    assert isinstance(design, Design)
    return design.model_copy(update={"name": name})


def button(page: Page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def set_experts(page: Page, number: int) -> None:
    field = page.get_by_role("spinbutton", name="Experts", exact=True)
    field.fill(str(number))
    field.press("Enter")
    visit.settle(page)


def draft_of(page: Page) -> str:
    page.wait_for_url(re.compile(r"design=[a-z0-9-]+$"))
    return page.url.rpartition("design=")[2]


def test_a_version_by_keyboard_compared_restored_and_the_restore_undone(open_page: OpenPage, server: Server):
    draft = new_draft(server, "starter")
    page = open_page(f"/design?design={draft}")
    button(page, "Versions").focus()
    page.keyboard.press("Enter")
    name = page.get_by_role("textbox", name="Keep this version")
    expect(name).to_be_visible()
    name.focus()
    page.keyboard.type("before experts")
    page.keyboard.press("Enter")
    # What was asked for is done, so the menu closes, under its new name.
    expect(button(page, "v1")).to_be_visible()
    expect(name).to_have_count(0)

    set_experts(page, 16)
    expect(button(page, "v1, edited")).to_be_visible()
    button(page, "Compare").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Compare")
    expect(dialog.get_by_text("Layers 1–3, MoE layer: experts 8 → 16")).to_be_visible()
    expect(dialog.get_by_role("cell", name="Total parameters")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    button(page, "v1, edited").click()
    expect(page.get_by_text("v1 before experts")).to_be_visible()
    expect(page.get_by_text("Since then: Layers 1–3, MoE layer: experts 8 → 16")).to_be_visible()
    button(page, "Restore").click()
    expect(button(page, "v1")).to_be_visible()
    until(server, draft, page, experts, 8)
    button(page, "Undo").click()
    expect(page.get_by_role("spinbutton", name="Experts", exact=True)).to_have_value("16")
    expect(button(page, "v1, edited")).to_be_visible()
    expect(name).to_have_count(0)
    assert experts(stored(server, draft)) == 16


def test_a_link_gives_a_stranger_the_same_design_once(open_page: OpenPage, server: Server):
    draft = drafts.create(database.open(server.data), document(with_experts(11, "To give away")))
    page = open_page(f"/design?design={draft.id}")
    button(page, "Share").click()
    link = page.get_by_test_id("stCode").filter(has_text="/design?d=1.").first
    expect(link).to_be_visible()
    shared = link.inner_text().strip()
    assert shared == server.url + address(with_experts(11, "To give away"))
    changed = document(with_experts(3, "To give away"))
    drafts.save(database.open(server.data), draft.id, draft.revision, changed)

    stranger = open_page(shared.removeprefix(server.url))
    expect(stranger.get_by_text("Opened from a link: To give away")).to_be_visible()
    opened = draft_of(stranger)
    assert opened != draft.id
    assert stored(server, opened).sha == draft.sha
    before = len(drafts.listing(database.open(server.data)))
    stranger.reload()
    visit.settle(stranger)
    assert draft_of(stranger) == opened
    stranger.goto(shared)
    visit.settle(stranger)
    assert draft_of(stranger) == opened
    assert len(drafts.listing(database.open(server.data))) == before


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        ("1.garbage", "The link is"),
        (encode(preset("starter"))[:50], "The link is cut off"),
        ("%00<script>alert(1)</script>", "does not start with a version"),
    ],
)
def test_a_link_that_holds_nothing_says_so(open_page: OpenPage, server: Server, packed: str, words: str):
    before = drafts.listing(database.open(server.data))
    page = open_page(f"/design?d={packed}")
    expect(page.get_by_text(words)).to_be_visible()
    assert drafts.listing(database.open(server.data)) == before


def test_two_tabs_keep_and_restore_without_loss(open_page: OpenPage, server: Server):
    draft = new_draft(server, "starter")
    drafts.keep_version(database.open(server.data), "eight", document(preset("starter")), draft)
    one, two = (open_page(f"/design?design={draft}") for _ in range(2))
    set_experts(one, 12)
    until(server, draft, one, experts, 12)
    # The other tab still shows 8 experts: what it does now comes late.
    set_experts(two, 20)
    expect(two.get_by_text("Another tab saved this design first")).to_be_visible()
    button(two, "v1, edited").click()
    name = two.get_by_role("textbox", name="Keep this version")
    name.fill("late")
    name.press("Enter")
    expect(button(two, "v2")).to_be_visible()
    assert experts(stored(server, draft)) == 12
    assert drafts.versions(database.open(server.data), draft)[0].sha == stored(server, draft).sha
    button(two, "Keep mine as a branch").click()
    two.wait_for_url(lambda url: draft not in url)
    expect(two.get_by_text("Starter (branch)").first).to_be_visible()
    assert experts(stored(server, draft_of(two))) == 20
    one.reload()
    visit.settle(one)
    button(one, "v2").click()
    # The menu fills from the top; the version that is shown comes first, and nothing restores it.
    expect(button(one, "Restore")).to_have_count(2)
    button(one, "Restore").last.click()
    expect(button(one, "v1")).to_be_visible()
    assert experts(stored(server, draft)) == 8


@pytest.mark.parametrize("theme", visit.THEMES)
def test_the_menus_break_no_rule(open_page: OpenPage, server: Server, theme: str):
    draft = new_draft(server, "starter")
    drafts.keep_version(database.open(server.data), "sixteen", document(with_experts(16, "a")), draft)
    page = open_page(f"/design?design={draft}")
    for name, there in (
        ("v1, edited", "Since then"),
        ("Share", "The link holds"),
        ("Compare", "experts 16 → 8"),
    ):
        button(page, name).click()
        expect(page.get_by_text(there).first).to_be_visible()
        page.mouse.move(0, 0)
        visit.settle(page)
        assert visit.axe_violations(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        visit.settle(page)


@pytest.mark.parametrize("width", visit.HEIGHTS)
def test_the_title_row_is_one_line(open_page: OpenPage, server: Server, width: int):
    page = open_page(f"/design?design={new_draft(server, 'starter')}", width=width)
    names = ("Versions", "Undo", "Redo", "Compare", "Share", "Train this design")
    boxes = [button(page, name).bounding_box() for name in names]
    middles = [box["y"] + box["height"] / 2 for box in boxes if box]
    assert len(middles) == len(names)
    assert max(middles) - min(middles) < 4
