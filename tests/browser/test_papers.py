"""The Papers page with mouse and keyboard: find a paper, read it, open its preset, see its claims."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app import claiming
from app.composer.shelf import design_of
from core.design.spec import Design
from core.papers.registry import experiment, papers
from storage import database, drafts, runs
from storage.status import Status
from tests.app.claims_seed import seed_all_but_one, seed_claims
from tests.browser import visit
from tests.browser.server import Server, serve

#: On two busy cores training takes its time; the wait ends as soon as there is something to see.
MEASURED_MS = 120_000
FORMULAS = Path(__file__).parent / "formulas_page.py"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio whose claims have invented measurements."""
    data = tmp_path_factory.mktemp("measured") / "data"
    seed_claims(database.open(data))
    with serve(data) as running:
        yield running


def opened(browser: Browser, server: Server, address: str, **look: str) -> tuple[Page, visit.Recorder]:
    """An address of that studio, at rest."""
    page, recorder = visit.new_page(browser, server.url, **look)
    page.goto(address)
    visit.settle(page)
    return page, recorder


def test_a_paper_is_found_and_opened_by_keyboard(open_page):
    page = open_page("/papers")
    expect(page.get_by_role("status").filter(has_text=f"{len(papers())} papers")).to_be_visible()
    page.get_by_role("searchbox", name="Filter the papers").focus()
    page.keyboard.type("soft merging")
    expect(page.get_by_role("status").filter(has_text=f"1 of {len(papers())} papers")).to_be_visible()
    button = page.get_by_role("button", name="SMEAR (Soft Merging of Experts with Adaptive Routing")
    for _ in range(8):
        if button.evaluate("element => element.matches(':focus')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/papers?paper=smear")
    expect(page.get_by_role("heading", level=1, name="SMEAR")).to_be_visible()
    page.get_by_role("button", name="All papers").click()
    expect(page.get_by_role("searchbox", name="Filter the papers")).to_be_visible()
    assert "paper=" not in page.url


def test_a_filter_without_a_hit_is_told_and_cleared(open_page):
    page = open_page("/papers")
    page.get_by_role("button", name="Planned", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=f"14 of {len(papers())} papers")).to_be_visible()
    page.get_by_role("searchbox").fill("smear")
    expect(page.get_by_text("No paper has “smear” in its name, claim or verdict.")).to_be_visible()
    assert visit.axe_violations(page) == []
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_role("status").filter(has_text=f"{len(papers())} papers")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_preset_of_a_paper_opens_in_the_composer(open_page, server: Server):
    page = open_page("/papers?paper=sam")
    page.get_by_role("button", name="Open Switch and Mixture in Design").click()
    page.wait_for_url("**/design?design=*")
    draft = page.url.partition("design=")[2].partition("&")[0]
    kept = Design.model_validate_json(drafts.get(database.open(server.data), draft).design)
    assert kept == design_of("method/sam")


@pytest.mark.parametrize("theme", visit.THEMES)
@pytest.mark.parametrize("name", ["smear", "mote"])
def test_a_paper_is_accessible(browser, measured: Server, theme: str, name: str):
    page, recorder = opened(browser, measured, f"/papers?paper={name}", theme=theme)
    assert visit.axe_violations(page) == []
    assert (recorder.page_errors, recorder.outside_requests) == ([], [])
    page.context.close()


@pytest.mark.parametrize("theme", visit.THEMES)
def test_the_board_shows_verdicts_and_opens_a_paper(browser, measured: Server, theme: str):
    page, recorder = opened(browser, measured, "/papers", theme=theme)
    page.get_by_role("radio", name="Claims").click()
    table = page.get_by_role("table", name="Claims of papers and what was measured here")
    expect(table.get_by_role("row", name="SMEAR").first).to_contain_text("✓ Reproduced")
    expect(table.get_by_role("row", name="Top-p dynamic routing")).to_contain_text("✕ Contradicts")
    page.mouse.move(5, 5)
    visit.settle(page)
    assert visit.axe_violations(page) == []
    table.get_by_role("button", name="SMEAR (opens its page)").click()
    page.wait_for_url("**/papers?paper=smear")
    expect(page.get_by_text("holds here")).to_be_visible()
    assert (recorder.page_errors, recorder.outside_requests) == ([], [])
    page.context.close()


def test_an_experiment_is_run_to_its_end_from_its_page(browser, tmp_path: Path):
    """All runs but one are in: pressing the button trains that one, and the claim has its verdict."""
    data, declared = tmp_path / "data", experiment("x4")
    last = seed_all_but_one(database.open(data), declared)
    with serve(data) as server:
        page, recorder = opened(browser, server, "/papers?paper=expert_choice")
        expect(page.get_by_text("Not finished").first).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("Running, 9 of 10")).to_be_visible()
        expect(page.get_by_text("10 of 10 trainings")).to_be_visible(timeout=MEASURED_MS)
        expect(page.get_by_text("Reproduced").first).to_be_visible()
        expect(page.get_by_role("button", name="Continue")).to_have_count(0)
        assert recorder.page_errors == []
        page.context.close()
    (found,) = (row for row in claiming.measured(database.open(data), declared) if row.run is not None)
    assert (found.arm, found.seed) == (last.arm.name, last.seed)
    assert (found.values["experts_per_token"], found.values["nmi"] > 0) == (2.0, True)
    run = runs.get(database.open(data), found.run)
    assert (run.status, run.step, run.tags) == (Status.DONE, 500, ("claim", "x4", "choice"))


def test_every_equation_is_one_that_the_browser_can_draw(browser, tmp_path: Path):
    with serve(tmp_path / "data", FORMULAS) as server:
        page, recorder = opened(browser, server, "/")
        parts = sum(len(entry.formula.split(r"\qquad")) for entry in papers())
        expect(page.locator(".katex")).to_have_count(parts)
        expect(page.locator(".katex-error")).to_have_count(0)
        assert recorder.page_errors == []
        page.context.close()
