"""The gallery with mouse and keyboard: find one, open it, take its small proxy."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.composer.shelf import design_of, everything
from core.design.presets.registry import preset
from core.design.proxy.shrink import Proxy, shrink
from core.design.spec import Design
from storage import database, drafts
from tests.browser import visit
from tests.browser.server import Server

DESIGNS = len(everything())


def opened(server: Server, page: Page) -> Design:
    """The design that the address names."""
    page.wait_for_url("**/design?design=*")
    found = re.search(r"design=([a-z0-9-]+)", page.url)
    assert found
    return Design.model_validate_json(drafts.get(database.open(server.data), found[1]).design)


def test_from_the_start_page_to_a_proxy_that_says_what_it_kept(page: Page, server: Server):
    page.get_by_role("button", name="Browse 34 architectures").click()
    page.wait_for_url("**/gallery")
    page.get_by_role("button", name="Shrink to train here as a copy of DeepSeek-V3", exact=True).click()
    proxy = shrink(preset("deepseek-v3"))
    assert isinstance(proxy, Proxy)
    assert opened(server, page) == proxy.design
    visit.settle(page)
    expect(page.get_by_text("Kept: 32 experts for each one used")).to_be_visible()
    expect(page.get_by_text("Changed: 61 layers to 4")).to_be_visible()


def test_a_method_is_found_and_opened_by_keyboard(open_page, server: Server):
    page = open_page("/gallery")
    page.get_by_role("searchbox", name="Filter the gallery").focus()
    page.keyboard.type("experts choose")
    expect(page.get_by_role("status").filter(has_text=f"1 of {DESIGNS} designs")).to_be_visible()
    button = page.get_by_role("button", name="Open Expert choice on Digits ViT as a new design")
    for _ in range(12):
        if button.evaluate("element => element.matches(':focus')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert opened(server, page) == design_of("method/expert-choice")


def test_a_name_that_nothing_has_is_told_and_cleared(open_page):
    page = open_page("/gallery")
    page.get_by_role("searchbox").fill("mamba3")
    expect(page.get_by_text("No architecture or method has “mamba3” in its name.")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_role("status").filter(has_text=f"{DESIGNS} designs")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_the_largest_comes_first_when_asked(open_page):
    page = open_page("/gallery")
    page.get_by_role("button", name="Published architectures").click()
    page.get_by_label("Order of the gallery").select_option("Largest total first")
    names = page.locator(".gallery .name").all_inner_texts()
    assert names[0] == "Ling-1T"
    assert names[-1] == "Switch-base 8"
    assert len(names) == 34


@pytest.mark.parametrize("theme", visit.THEMES)
def test_a_filtered_gallery_is_accessible(open_page, theme: str):
    page = open_page("/gallery", theme=theme)
    page.get_by_role("button", name="Routing methods of papers").click()
    assert visit.axe_violations(page) == []
    page.get_by_role("searchbox").fill("mamba3")
    assert visit.axe_violations(page) == []
