"""The main road through Start, Design and Cost, by mouse and by keyboard, in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from app.composer.desk import document
from core.design.presets.registry import preset
from storage import database, drafts
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import experts, new_draft, part, stored, until
from tests.browser.server import Server


@pytest.fixture
def draft(server: Server) -> str:
    """The id of a fresh starter."""
    return new_draft(server, "starter")


def total(page: Page):
    return page.get_by_role("region", name="Cost of this design").locator("dd").first


def test_from_the_start_to_sixteen_experts_and_back(page: Page):
    page.get_by_role("button", name="Open the starter").click()
    page.wait_for_url("**/design?design=starter-*")
    visit.settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Starter")
    expect(total(page)).to_contain_text("657.3")
    field = page.get_by_role("spinbutton", name="Experts", exact=True)
    field.fill("16")
    field.press("Enter")
    expect(part(page, "15")).to_be_visible()
    expect(total(page)).not_to_contain_text("657.3")
    expect(total(page)).to_contain_text("↑")
    page.get_by_role("button", name="Undo").click()
    expect(total(page)).to_contain_text("657.3")
    expect(field).to_have_value("8")
    page.get_by_role("button", name="Redo").click()
    expect(field).to_have_value("16")
    page.reload()
    visit.settle(page)
    expect(page.get_by_role("spinbutton", name="Experts", exact=True)).to_have_value("16")
    page.get_by_test_id("stTopNavLink").filter(has_text="Cost").click()
    page.wait_for_url("**/cost?design=starter-*")
    visit.settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Starter")


def test_by_keyboard_alone(open_page: OpenPage, server: Server, draft: str):
    page = open_page(f"/design?design={draft}")
    part(page, "MoE layer").focus()
    page.keyboard.press("ArrowDown")
    expect(part(page, "Router")).to_be_focused()
    expect(page.get_by_role("heading", level=3, name="Router")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    expect(part(page, ".*Shared expert:")).to_be_visible()
    expect(page.get_by_role("heading", level=3, name="Shared expert")).to_be_visible()
    page.keyboard.press("Control+z")
    until(server, draft, page, lambda design: design, preset("starter"))
    expect(part(page, ".*Shared expert:")).to_have_count(0)
    part(page, "MoE layer").focus()
    page.keyboard.press("Enter")
    expect(part(page, "Router")).to_have_count(0)
    expect(part(page, "MoE layer")).to_have_attribute("aria-expanded", "false")
    assert stored(server, draft) == preset("starter")


def test_a_burst_of_acts_is_done_act_by_act(open_page: OpenPage, server: Server, draft: str):
    page = open_page(f"/design?design={draft}")
    part(page, "MoE layer").focus()
    for _ in range(12):
        page.keyboard.press("e")
    expect(part(page, "19")).to_be_visible()
    until(server, draft, page, experts, 20)


def test_two_tabs_do_not_overwrite_each_other(open_page: OpenPage, server: Server, draft: str):
    first, second = (open_page(f"/design?design={draft}") for _ in range(2))
    for page, count in ((first, "12"), (second, "9")):
        field = page.get_by_role("spinbutton", name="Experts", exact=True)
        field.fill(count)
        field.press("Enter")
        until(server, draft, page, experts, 12)
    expect(second.get_by_text("Another tab saved this design first")).to_be_visible()
    assert experts(stored(server, draft)) == 12
    second.get_by_role("button", name="Load the other version").click()
    expect(second.get_by_role("spinbutton", name="Experts", exact=True)).to_have_value("12")


def test_a_problem_is_mended_on_the_part(open_page: OpenPage, server: Server, draft: str):
    page = open_page(f"/design?design={draft}")
    field = page.get_by_role("spinbutton", name="Experts per token")
    field.fill("10")
    field.press("Enter")
    expect(page.get_by_text("Top-k 10 is more than the 8 experts").first).to_be_visible()
    page.get_by_role("group", name="Drawing of the design").get_by_role(
        "button", name="Set top-k to 8"
    ).click()
    expect(field).to_have_value("8")
    until(
        server,
        draft,
        page,
        lambda design: design.stacks[0].layers[0].pattern[0].parts[1].body.router.select.k,
        8,
    )


def test_a_published_design_opens_from_its_fingerprint(page: Page):
    page.get_by_role("button", name="Open Mixtral 8x7B as a new design").click()
    page.wait_for_url("**/design?design=mixtral-*")
    visit.settle(page)
    expect(total(page)).to_contain_text("46.7")


@pytest.mark.parametrize("theme", visit.THEMES)
@pytest.mark.parametrize(
    ("name", "address"), [("starter", "/design"), ("deepseek-v3", "/design"), ("starter", "/cost")]
)
def test_pages_with_a_design_break_no_rule(
    open_page: OpenPage, server: Server, theme: str, name: str, address: str
):
    page = open_page(f"{address}?design={new_draft(server, name)}")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert visit.axe_violations(page) == []


def test_boards_break_no_rule(open_page: OpenPage, draft: str):
    page = open_page(f"/cost?design={draft}")
    page.get_by_role("radio", name="FPGA").click()
    page.mouse.move(0, 0)
    expect(page.get_by_text("Where each figure comes from")).to_be_visible()
    visit.settle(page)
    assert visit.axe_violations(page) == []


def test_the_longest_name_leaves_the_row_in_one_line(open_page: OpenPage, server: Server):
    named = preset("starter").model_copy(update={"name": "Wide " * 15 + "names"})
    draft = drafts.create(database.open(server.data), document(named)).id
    page = open_page(f"/design?design={draft}", width=1280)
    heading = page.get_by_role("heading", level=1).bounding_box()
    train = page.get_by_role("button", name="Train this design").bounding_box()
    assert heading is not None
    assert train is not None
    assert abs(heading["y"] - train["y"]) < 20
