"""The Routing page in a browser: every panel by a click, by a link and by keys; playing, saving, the tour."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from core.analysis.load import cv, dead, max_violation
from core.design.facts import LayerRouting, MetricsRow
from core.design.plan import Plan
from core.design.presets.registry import preset
from storage import database, metrics, runs, work
from storage.database import Database
from storage.drafts import Document
from storage.status import Status
from storage.tables import RunRow
from tests.app import seed
from tests.browser import visit
from tests.browser.server import Server, serve

#: Layers, experts, domains and steps of the run that has to open fast, and picks of a domain in a step.
DEEP = (32, 64, 8, 200)
PICKS = 4000


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """A studio with a run of the starter and one of a deep design; their ids."""
    data = tmp_path_factory.mktemp("routing") / "data"
    db = database.open(data)
    run = seed.write_run(db, Status.DONE, "routing", steps=700, reached=700)
    deep = deep_run(db)
    db.close()
    with serve(data) as running:
        yield running, run, deep


def deep_run(db: Database) -> str:
    """A record of 32 layers, 64 experts, 8 domains, 200 steps: counting noise, and a loss that jumps."""
    L, E, N, F = DEEP
    design = preset("starter").model_copy(update={"name": "Deep"})
    document = Document(design.name, design.model_dump_json(), design.sha)
    run = runs.create(db, document, Plan(steps=10 * F), "text", "deep")
    rng = np.random.default_rng(0)
    mean_LNE = np.exp(rng.normal(0, 0.9, (L, N, E)))
    mean_LNE *= PICKS / mean_LNE.sum(-1, keepdims=True)
    rows = [deep_row(f, rng.poisson(mean_LNE)) for f in range(F)]
    with db.write() as session:
        metrics.add(session, run.id, rows)
        work.changed(
            session, RunRow, RunRow.id == run.id, status=Status.DONE.value, step=10 * F, ended_at=1.0
        )
    return run.id


def deep_row(window: int, counts_LNE: np.ndarray) -> MetricsRow:
    """One window; its layers' figures are those of the first one, which no test looks at."""
    paths = [f"decoder.{layer}.1" for layer in range(len(counts_LNE))]
    loss = 2 + 3 * np.exp(-window / 50) + (2.0 if window == 120 else 0.0)
    load = counts_LNE[0].sum(0)
    figures = {"cv": cv(load), "max_violation": max_violation(load), "dead": dead(load), "drop_rate": 0.0}
    return MetricsRow(
        step=10 * (window + 1),
        seconds=window,
        loss=loss,
        domain_loss={f"domain {n}": loss for n in range(counts_LNE.shape[1])},
        layers=(LayerRouting(path=paths[0], load=tuple(load.tolist()), **figures),),
        domain_expert={
            path: tuple(map(tuple, counts)) for path, counts in zip(paths, counts_LNE.tolist(), strict=True)
        },
    )


@pytest.fixture
def look(browser: Browser, studio: tuple[Server, str, str]):
    """Open the Routing page of the starter's run; no page may raise or ask another host for anything."""
    visits = []

    def open_one(
        query: str = "", theme: str = "light", run: str | None = None, *, moves: bool = False
    ) -> Page:
        page, recorder = visit.new_page(browser, studio[0].url, theme=theme)
        visits.append((page, recorder))
        page.emulate_media(reduced_motion="no-preference" if moves else "reduce")
        # A browser that has had the tour.
        page.add_init_script("localStorage.setItem('moe-studio.routing.tour', '1')")
        page.goto(f"/routing?run={run or studio[1]}&{query}")
        visit.settle(page)
        return page

    yield open_one
    for page, recorder in visits:
        page.context.close()
        assert recorder.page_errors == []
        assert recorder.outside_requests == []


def choose(page: Page, *names: str) -> None:
    """Press segments, one after another."""
    for name in names:
        page.get_by_role("radio", name=name, exact=True).click()
        # Away from the segment: Streamlit's colour of one under the pointer is not ours to judge.
        page.mouse.move(1, 1)
        visit.settle(page)


def ready(page: Page) -> None:
    """Wait for the player."""
    expect(page.locator(".scrub[data-ready]")).to_be_visible()


@pytest.mark.parametrize("theme", visit.THEMES)
def test_every_panel_is_a_click_away_and_breaks_no_rule(theme, look):
    page = look(theme=theme)
    assert visit.axe_violations(page) == []
    choose(page, "Over training")
    ready(page)
    expect(page.get_by_text("Layer 3 drew apart most")).to_be_visible()
    assert visit.axe_violations(page) == []
    choose(page, "Layer")
    for panel, words in (
        ("Who goes where", "Most telling: python to expert 2"),
        ("Together", "With experts in order on 4 devices"),
        ("Certainty", "could have gone the other way"),
        ("Drops", "No choice was dropped"),
    ):
        choose(page, panel)
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert visit.axe_violations(page) == []


def test_a_deep_run_arrives_in_one_message_under_a_megabyte_and_is_scrubbed_without_the_server(look, studio):
    page = look(run=studio[2])
    # The socket is open already, so its frames are counted where the browser reads them.
    page.evaluate(
        """() => { window.frames_seen = []; const read = TextDecoder.prototype.decode;
        const seen = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data").get;
        Object.defineProperty(MessageEvent.prototype, "data", { get() { const data = seen.call(this);
          if (data?.byteLength) window.frames_seen.push(data.byteLength); return data; } }); }"""
    )
    choose(page, "Over training")
    ready(page)
    received = page.evaluate("window.frames_seen")
    assert 300_000 < max(received) < 1_000_000
    slider = page.get_by_label("Training step")
    expect(slider).to_have_attribute("aria-valuetext", "step 2000")
    visit.settle(page)  # The cards below come after the player.
    page.evaluate("window.frames_seen.length = 0")
    slider.focus()
    for key, step in (("Home", 10), ("ArrowRight", 20), ("PageDown", 120), ("ArrowLeft", 110), ("End", 2000)):
        page.keyboard.press("PageUp" if key == "PageDown" else key)
        expect(slider).to_have_attribute("aria-valuetext", f"step {step}")
    page.get_by_role("button", name="Counts").click()
    page.get_by_label("Tokens of").select_option("domain 3")
    expect(page.locator(".scrub caption")).to_have_text("Step 2\u2009000, domain 3")
    page.wait_for_timeout(400)
    assert page.evaluate("window.frames_seen") == []
    assert "scrub.domain=domain+3" in page.url
    expect(page.locator(".scrub .mark.loss_spike")).to_have_count(1)


def test_a_deep_run_is_played_as_fast_as_the_browser_draws(look, studio):
    page = look("routing.section=Over+training", run=studio[2], moves=True)
    ready(page)
    page.locator(".scrub .step").evaluate(
        "out => { window.shown = []; let drawn = 0; new MutationObserver(() => window.shown.push(drawn))"
        ".observe(out, {childList: true, subtree: true, characterData: true});"
        "const frame = () => { drawn += 1; requestAnimationFrame(frame); }; requestAnimationFrame(frame); }"
    )
    slider = page.get_by_label("Training step")
    slider.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    # 200 steps in 6.7 s, of which a busy machine draws fewer: what it does draw are new steps.
    shown = page.evaluate("window.shown")
    assert len(shown) >= 10
    assert len(shown) > min(200, shown[-1] - shown[0]) / 2
    expect(slider).to_have_attribute("aria-valuetext", "step 2000")


def test_cells_are_reached_by_keys_and_said(look):
    page = look("routing.section=Over+training&scrub.step=350&scrub.domain=cpp")
    ready(page)
    expect(page.get_by_label("Training step")).to_have_attribute("aria-valuetext", "step 350")
    page.locator(".scrub canvas").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    told = page.locator(".scrub .told")
    expect(told).to_contain_text("Step 350, cpp: Layer 3, expert 1 has about")
    # With reduced motion, playing is one step at a time.
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_label("Training step")).to_have_attribute("aria-valuetext", "step 360")


def test_the_graph_names_the_partners_of_an_expert(look):
    page = look("routing.section=Layer&routing.panel=Together")
    graph = page.locator(".graph svg")
    graph.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    told = page.locator(".graph").get_by_role("status")
    expect(told).to_contain_text(re.compile(r"^Expert 1, group \d, .* of the load, meets"))
    expect(page.locator(".graph .groups")).to_contain_text("No partner: expert 7")


@pytest.mark.parametrize(
    "query", ["routing.section=Over+training", "routing.section=Layer&routing.panel=Certainty"]
)
def test_charts_are_saved_as_svg_and_png(query, look):
    page = look(query)
    page.wait_for_timeout(500)
    for kind in ("SVG", "PNG"):
        with page.expect_download() as download:
            # Ours, not the one that Streamlit shows over a chart.
            page.locator(".save").first.get_by_role("button", name=kind).click()
        content = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename.endswith(f".{kind.lower()}")
        if kind == "SVG":
            assert content.startswith(b"<svg")
            assert content.count(b"<path") + content.count(b"<rect") > 10
        else:
            assert content.startswith(b"\x89PNG")
            assert len(content) > 5_000


def test_the_tour_is_taken_by_keys_and_remembered(browser: Browser, studio: tuple[Server, str, str]):
    page, recorder = visit.new_page(browser, studio[0].url)
    page.goto(f"/routing?run={studio[1]}")
    visit.settle(page)
    card = page.get_by_role("region", name="Tour of this page")
    expect(card).to_contain_text("1 of 5: Where tokens went.")
    card.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    expect(card).to_contain_text("2 of 5")
    ready(page)
    visit.settle(page)
    # What was drawn anew fades in, and faint words have no contrast.
    page.wait_for_timeout(500)
    assert visit.axe_violations(page) == []
    page.keyboard.press("Enter")
    expect(card).to_contain_text("3 of 5")
    expect(page.get_by_text("Most telling")).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    again = page.get_by_role("button", name="Tour of this page, 5 steps")
    expect(again).to_be_focused()
    page.reload()
    visit.settle(page)
    expect(again).to_be_visible()
    expect(card).to_have_count(0)
    # Closed, it takes no row of its own: it stands beside the name of the run.
    box, title = again.bounding_box(), page.get_by_role("heading", level=1).bounding_box()
    assert box is not None
    assert title is not None
    assert box["y"] < title["y"] + title["height"]
    again.focus()
    page.keyboard.press("Enter")
    expect(card).to_contain_text("1 of 5")
    expect(card.get_by_role("button", name="Next")).to_be_focused()
    page.context.close()
    assert recorder.page_errors == []


def test_the_tour_follows_who_walks_off_by_the_switch(browser: Browser, studio: tuple[Server, str, str]):
    page, recorder = visit.new_page(browser, studio[0].url)
    page.goto(f"/routing?run={studio[1]}")
    visit.settle(page)
    card = page.get_by_role("region", name="Tour of this page")
    expect(card).to_contain_text("1 of 5: Where tokens went.")
    choose(page, "Layer", "Drops")
    expect(card).to_contain_text("3 of 5: Is it more than chance?")
    # The panel that was chosen stays, though the step leads to another.
    expect(page.get_by_text("No choice was dropped")).to_be_visible()
    choose(page, "Expertise")
    expect(card).to_have_count(0)
    page.get_by_role("button", name="Tour of this page, 5 steps").click()
    expect(card).to_contain_text("1 of 5")
    for step in ("2 of 5", "3 of 5", "4 of 5", "5 of 5: Take an expert away."):
        card.get_by_role("button", name="Next").click()
        expect(card).to_contain_text(step)
        visit.settle(page)
    expect(page.get_by_role("radio", name="What if")).to_be_checked()
    card.get_by_role("button", name="Done").click()
    expect(card).to_have_count(0)
    page.context.close()
    assert recorder.page_errors == []
