"""The Cost page in a browser: every control, popover and dialog by mouse and keys, and nonsense in words."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import new_draft
from tests.browser.server import Server


def opened(open_page: OpenPage, server: Server, theme: str = "light") -> Page:
    """The costs of Mixtral."""
    page = open_page(f"/cost?design={new_draft(server, 'mixtral-8x7b')}", theme=theme)
    expect(page.get_by_text(re.compile("tok/s · most of it"))).to_be_visible()
    visit.settle(page)
    return page


def sound(page: Page) -> None:
    """Nothing fell over, and no rule of accessibility is broken."""
    visit.settle(page)
    # What was drawn anew fades in, and faint words have no contrast.
    page.wait_for_timeout(500)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert visit.axe_violations(page) == []


def fill(page: Page, label: str, value: str) -> None:
    """Type a number."""
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(value)
    field.press("Enter")


@pytest.mark.parametrize("theme", visit.THEMES)
def test_plans_prices_and_reasons_are_a_key_away(theme, open_page: OpenPage, server: Server):
    page = opened(open_page, server, theme)
    sound(page)
    page.get_by_role("button", name="More").press("Enter")
    fill(page, "Tensor", "3")
    expect(page.get_by_text("To fix this").first).to_be_visible()
    fill(page, "Tensor", "2")
    expect(page.get_by_text(re.compile("--tp 2"))).to_be_visible()
    fill(page, "Price of a device and hour", "2.5")
    sound(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("cell", name="Cost of a million tokens")).to_be_visible()
    page.get_by_role("button", name="Why").press("Enter")
    expect(page.get_by_role("cell", name=re.compile("^memory; the longest part is experts"))).to_be_visible()
    page.get_by_role("combobox", name="Figure", exact=True).click()
    page.get_by_role("option", name="Weights").click()
    expect(page.get_by_role("cell", name=re.compile("^routed experts, .* of all parameters"))).to_be_visible()
    expect(page.get_by_role("cell", name="weights bf16")).to_be_visible()
    sound(page)


@pytest.mark.parametrize("theme", visit.THEMES)
def test_a_device_is_described_and_nonsense_is_answered(theme, open_page: OpenPage, server: Server):
    page = opened(open_page, server, theme)
    page.get_by_role("button", name="Describe a device").click()
    dialog = page.get_by_role("dialog")
    fill(page, "Memory, GB", "0")
    sound(page)
    dialog.get_by_role("button", name="Add").press("Enter")
    expect(dialog.get_by_text("Memory: 0 makes no device. To fix this")).to_be_visible()
    fill(page, "Memory, GB", "500")
    dialog.get_by_role("button", name="Add").press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_text(re.compile("^My device: .* tok/s"))).to_be_visible()
    sound(page)


def test_two_timings_sharpen_a_device_and_are_taken_back(open_page: OpenPage, server: Server):
    page = opened(open_page, server)
    page.get_by_role("button", name="Calibrate").press("Enter")
    dialog = page.get_by_role("dialog")
    for field, value in enumerate(("12", "42")):
        box = dialog.get_by_role("spinbutton", name="Milliseconds a step").nth(field)
        box.fill(value)
        box.press("Enter")
        visit.settle(page)
    sound(page)
    dialog.get_by_role("button", name="Use these").press("Enter")
    expect(page.get_by_text("follow your two timings")).to_be_visible()
    page.get_by_role("button", name="Back to published timings").press("Enter")
    expect(page.get_by_text("follow your two timings")).to_have_count(0)


def test_training_another_design_beside_it_and_all_figures_to_take_away(open_page: OpenPage, server: Server):
    page = opened(open_page, server)
    page.get_by_role("radio", name="Train", exact=True).press("Space")
    expect(page.get_by_text(re.compile("--phase train"))).to_be_visible()
    page.get_by_role("slider", name="Batch").press("ArrowRight")
    expect(page.get_by_text(re.compile("--batch 16"))).to_be_visible()
    visit.settle(page)
    page.get_by_role("combobox", name="Compare with").click()
    page.keyboard.type("gpt-oss")
    page.get_by_role("option", name="gpt-oss-120b").click()
    expect(page.get_by_text(re.compile("the memory and .* the time of gpt-oss-120b"))).to_be_visible()
    visit.settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="All figures").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert told["parameters"]["total"] == 46_702_792_704
    assert told["time_s"] > 0
