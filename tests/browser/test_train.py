"""The Train page in a browser: press, watch, pause; own data; what the heat maps do."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from storage import database
from tests.app import seed
from tests.browser import visit
from tests.browser.server import Server, serve


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A studio in which runs have been trained."""
    data = tmp_path_factory.mktemp("worked") / "data"
    ids = seed.seed(data)
    db = database.open(data)
    seed.write_export(db, ids["done"], "failed-export", hard=2)
    seed.write_export(db, ids["done"], "export")
    db.close()
    with serve(data) as running:
        yield running, ids


@pytest.fixture
def look(browser: Browser, worked: tuple[Server, dict[str, str]]):
    """Open an address of that studio; no page may raise or ask another host for anything."""
    visits = []

    def open_one(address: str, theme: str = "light") -> Page:
        page, recorder = visit.new_page(browser, worked[0].url, theme=theme)
        visits.append((page, recorder))
        page.goto(address)
        visit.settle(page)
        return page

    yield open_one
    for page, recorder in visits:
        page.context.close()
        assert recorder.page_errors == []
        assert recorder.outside_requests == []


@pytest.mark.parametrize("theme", visit.THEMES)
@pytest.mark.parametrize("address", ["train", "routing", "runs", "export"])
def test_pages_with_a_run_break_no_rule_and_fit_the_window(address, theme, look, worked):
    page = look(f"/{address}?run={worked[1]['done']}", theme)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert visit.axe_violations(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0


@pytest.mark.parametrize("theme", visit.THEMES)
def test_two_runs_are_compared_by_keys(theme, look, worked):
    page = look(f"/runs?run={worked[1]['done']}", theme)
    page.get_by_role("combobox", name="Compare with").focus()
    page.keyboard.type(worked[1]["paused"])
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 setting differs: 1 in the plan")).to_be_visible()
    expect(page.get_by_role("row", name="Plan seed 0 1")).to_be_visible()
    visit.settle(page)
    assert visit.axe_violations(page) == []
    page.get_by_role("combobox", name="Compare with").focus()
    page.keyboard.type("No other")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="Plan seed 0 1")).to_have_count(0)


def test_the_heat_map_is_scrubbed_by_keys(look, worked):
    page = look(f"/train?run={worked[1]['done']}")
    scrubber = page.get_by_label("Training step")
    expect(scrubber).to_have_attribute("aria-valuetext", "step 700")
    before = page.locator(".heat rect.cell").first.get_attribute("fill")
    scrubber.focus()
    for _ in range(5):
        page.keyboard.press("PageDown")
    expect(scrubber).to_have_attribute("aria-valuetext", "step 200")
    assert page.locator(".heat rect.cell").first.get_attribute("fill") != before


def test_a_click_on_a_cell_chooses_the_expert(look, worked):
    page = look(f"/routing?run={worked[1]['done']}")
    loads = page.locator(".heat").first
    expect(loads.locator(".cross")).to_have_count(1)
    # Layer 2, expert 4: cells come row by row, eight in each.
    loads.locator("rect.cell").nth(8 + 4).click()
    expect(page.get_by_text(re.compile(r"Expert 4 of layer 2 prefers cpp"))).to_be_visible()
    visit.settle(page)
    expect(page.locator(".contexts mark").first).to_be_visible()


def test_text_of_a_trace_is_never_markup(look, worked):
    page = look(f"/routing?run={worked[1]['done']}")
    page.get_by_role("radio", name="cpp").click()
    visit.settle(page)
    assert page.locator(".contexts typename").count() == 0
    assert page.locator(".contexts table tr").count() > 3


def test_a_table_is_one_click_away_from_its_chart(look, worked):
    page = look(f"/train?run={worked[1]['done']}")
    page.get_by_role("button", name="Table").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text()
    assert text.splitlines()[0] == "series,step,value"
    assert len(text.splitlines()) == 1 + 5 * 8


def test_the_exported_file_is_downloaded(look, worked):
    page = look(f"/export?run={worked[1]['done']}")
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("model.onnx")).first.click()
    assert Path(download.value.path()).read_bytes() == b"not really a model"


def test_own_text_is_looked_at_then_added(look):
    page = look("/train")
    page.get_by_role("button", name="Add your own").click()
    files = page.get_by_role("dialog").locator("input[type=file]")
    files.set_input_files([text_file("zeros.bin", b"\0" * 4096)])
    expect(page.get_by_role("dialog")).to_contain_text("To fix this")
    expect(page.get_by_role("button", name="Add this data")).to_be_disabled()
    page.get_by_role("radio", name="Table").click()
    expect(page.get_by_role("dialog")).to_contain_text("One CSV or Parquet file")
    page.get_by_role("radio", name="Text").click()
    expect(page.get_by_role("dialog")).to_contain_text("One file or many")
    visit.settle(page)
    expect(page.get_by_role("dialog")).not_to_contain_text("zeros.bin")
    files.set_input_files(
        [
            text_file("poems.txt", b"Roses are red, violets are blue.\n" * 200),
            text_file("notes.txt", b"Buy milk. " * 700),
        ]
    )
    expect(page.get_by_role("dialog")).to_contain_text("held out")
    page.get_by_role("button", name="Add this data").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    visit.settle(page)
    expect(page.get_by_test_id("stCode")).to_contain_text("--data 2-files")


def text_file(name: str, content: bytes) -> dict[str, object]:
    """A file as the browser sends it."""
    return {"name": name, "mimeType": "text/plain", "buffer": content}


@pytest.mark.slow
def test_a_run_is_started_watched_reloaded_and_paused(open_page):
    page = open_page("/train")
    steps = page.get_by_test_id("stNumberInput").filter(has_text="Steps").first.locator("input")
    steps.fill("400")
    steps.press("Enter")
    visit.settle(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**/train?*run=*")
    expect(page.get_by_text(re.compile(r"Step \d+ of 400"))).to_be_visible()
    expect(page.locator(".heat rect.cell").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    visit.settle(page)
    assert visit.axe_violations(page) == []
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped")).to_be_visible()
