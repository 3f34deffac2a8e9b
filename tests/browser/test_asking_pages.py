"""Pages that ask a trained run: its tokens, what if, its expertise; by mouse and by keys."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.inference import address
from core.data.store import save
from core.design.plan import Plan
from core.design.presets.pieces import attention, decoder, glu, language, layer, moe, repeat, router
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, files, metrics, runs, work
from storage.database import Database
from storage.drafts import Document
from storage.status import Status
from storage.tables import RunRow
from tests.browser import visit
from tests.browser.server import Server, serve
from tests.core.train.tiny import Run, text_data, tiny_plan

TEXT = "a1e2\ni3o4"


def trained(db: Database, name: str) -> str:
    """A run of text, two layers of four experts, that has trained four steps; its id."""
    bank = moe([glu(4, 4)], router(2))
    stacks = decoder(repeat(2, layer(attention(2), bank)))
    design = Design.model_validate({"width": 8, "task": language(8), "stacks": stacks})
    document = Document(name, design.model_dump_json(), design.sha)
    plan = tiny_plan(steps=4, seed=len(name), evaluate_examples=8)
    run = runs.create(db, document, plan, save(text_data(), db.root).name, name)
    Run(files.folder(db.root, "runs", run.id), plan, design).train()
    with db.write() as session:
        done = {"status": Status.DONE.value, "step": 4, "started_at": 1.0, "ended_at": 2.0}
        work.changed(session, RunRow, RunRow.id == run.id, **done)
    return run.id


def without_experts(db: Database) -> None:
    """A run that is done and routes nothing."""
    design = preset("dense-twin")
    document = Document(design.name, design.model_dump_json(), design.sha)
    run = runs.create(db, document, Plan(steps=1), "text", "dense")
    with db.write() as session:
        work.changed(session, RunRow, RunRow.id == run.id, status=Status.DONE.value, step=1, ended_at=2.0)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """A studio with two trained runs and their ids; its inference process ends with it."""
    data = tmp_path_factory.mktemp("asking") / "data"
    db = database.open(data)
    mine, other = trained(db, "mine"), trained(db, "another")
    without_experts(db)
    db.close()
    with serve(data) as running:
        yield running, mine, other
    end(data)


def end(data) -> int | None:
    """Kill the inference process of a data folder; its id."""
    found = address.read(data)
    if found is None or not found.lives:
        return None
    os.kill(found.pid, signal.SIGKILL)
    return found.pid


@pytest.fixture
def look(browser: Browser, studio: tuple[Server, str, str]):
    """Open a section of the Routing page; no page may raise or ask another host for anything."""
    visits = []

    def open_one(section: str, theme: str = "light", query: str = "") -> Page:
        page, recorder = visit.new_page(browser, studio[0].url, theme=theme)
        visits.append((page, recorder))
        # A browser that has had the tour.
        page.add_init_script("localStorage.setItem('moe-studio.routing.tour', '1')")
        page.goto(f"/routing?run={studio[1]}&routing.section={section.replace(' ', '+')}{query}")
        rest(page)
        return page

    yield open_one
    for page, recorder in visits:
        page.context.close()
        assert recorder.page_errors == []
        assert recorder.outside_requests == []


def rest(page: Page) -> None:
    """Wait for the answer and the charts."""
    visit.settle(page)


def sound(page: Page) -> None:
    """Nothing fell over, and no rule of accessibility is broken."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    # What was drawn anew fades in, and faint words have no contrast.
    page.wait_for_timeout(500)
    assert visit.axe_violations(page) == []


def write(page: Page, text: str) -> None:
    """Another text to follow."""
    page.get_by_role("button", name="Edit text").click()
    area = page.get_by_role("textbox", name="Text to follow through the model")
    area.fill(text)
    area.press("Control+Enter")
    rest(page)
    page.keyboard.press("Escape")
    rest(page)


@pytest.mark.parametrize("theme", visit.THEMES)
def test_a_token_is_picked_by_mouse_and_keys_and_the_link_shows_it_again(theme, look):
    page = look("Tokens", theme)
    cells = page.get_by_role("listbox", name="Tokens of the text", exact=True)
    expect(cells.get_by_role("option").first).to_be_visible()
    sound(page)
    write(page, TEXT)
    expect(cells.get_by_role("option")).to_have_count(len(TEXT))
    cells.get_by_role("option").nth(2).click()
    expect(page.get_by_text("“e”, token 3:")).to_be_visible()
    cells.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("“2”, token 4:")).to_be_visible()
    layers = page.get_by_role("listbox", name="First expert of the token in each layer")
    layers.get_by_role("option").first.click()
    expect(page.get_by_text("Layer 1. Number, hue and line")).to_be_visible()
    rest(page)
    sound(page)
    page.reload()
    rest(page)
    expect(page.get_by_text("“2”, token 4:")).to_be_visible()
    expect(page.get_by_text("Layer 1. Number, hue and line")).to_be_visible()
    expect(cells.get_by_role("option")).to_have_count(len(TEXT))


def test_a_second_run_reads_the_same_text_and_only_runs_of_text_with_experts_are_offered(look, studio):
    page = look("Tokens")
    box = page.get_by_role("combobox", name="Compare with")
    box.click()
    expect(page.get_by_role("option")).to_have_count(2)
    page.get_by_role("option", name=studio[2]).click()
    rest(page)
    expect(page.get_by_text(re.compile(rf"{studio[2]} loses .* nats per byte"))).to_be_visible()
    expect(page.get_by_role("listbox", name="Tokens of the text in the other run")).to_be_visible()
    sound(page)


def test_nonsense_texts_are_answered_in_words(look):
    page = look("Tokens")
    write(page, "  \n ")
    expect(page.get_by_text("The text was empty")).to_be_visible()
    write(page, "é" * 5_000)
    expect(
        page.get_by_text("The text has 10\u2009000 bytes, and the first 2\u2009000 are read")
    ).to_be_visible()
    cells = page.get_by_role("listbox", name="Tokens of the text", exact=True)
    expect(cells.get_by_role("option")).to_have_count(2_000)
    sound(page)


def test_a_process_that_fell_over_is_started_again_and_the_page_says_so(look, studio):
    page = look("Tokens")
    options = page.get_by_role("listbox", name="Tokens of the text", exact=True).get_by_role("option")
    write(page, "aeiou1")
    # Answered, so that the process dies between two questions and not before the first.
    expect(options).to_have_count(6)
    assert end(studio[0].data) is not None
    write(page, "1234e")
    expect(page.get_by_text("had ended, and was started again")).to_be_visible()
    expect(options).to_have_count(5)


@pytest.mark.parametrize("theme", visit.THEMES)
def test_experts_are_switched_by_mouse_and_keys_and_the_link_shows_it_again(theme, look):
    page = look("What if", theme)
    sound(page)
    page.get_by_role("button", name=re.compile(r"^Layer 1, expert 0, .* as learned$")).click()
    expect(page.get_by_text("Experts switched: 1 off")).to_be_visible()
    expect(page.get_by_text("Change of loss in nats")).to_be_visible()
    rest(page)
    turned = page.get_by_role("button", name=re.compile(r"^Layer 1, expert 0, .* off$"))
    turned.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    expect(page.get_by_text("Experts switched: 1 off, 1 on for every token")).to_be_visible()
    rest(page)
    sound(page)
    prompt = page.get_by_role("textbox", name="Prompt")
    prompt.fill("a1e2")
    prompt.press("Control+Enter")
    rest(page)
    expect(page.get_by_text("With the switches")).to_be_visible()
    page.reload()
    rest(page)
    expect(page.get_by_text("Experts switched: 1 off, 1 on for every token")).to_be_visible()
    rest(page)


@pytest.mark.parametrize("theme", visit.THEMES)
def test_expertise_is_measured_for_a_layer_that_is_chosen_by_keys(theme, look):
    page = look("Expertise", theme)
    expect(page.get_by_text("Regret: nats a token above the best expert")).to_be_visible()
    rest(page)
    sound(page)
    page.get_by_role("combobox", name="Layer").focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("option", name="Layer 2").press("Enter")
    rest(page)
    expect(page.get_by_text(re.compile(r"^Layer 2: .* held-out tokens"))).to_be_visible()


def test_a_domains_experts_are_tested_and_switches_are_kept_as_a_run(look, studio):
    page = look("What if", "dark", "&routing.imaging.target=digits")
    page.get_by_role("button", name="Test its experts").press("Enter")
    expect(page.get_by_text(re.compile("most distinctive expert.* loses .* nats"))).to_be_visible()
    expect(page.get_by_text("Box: 20 draws of others of like usage")).to_be_visible()
    rest(page)
    sound(page)
    with page.expect_download() as download:
        page.locator(".save").last.get_by_role("button", name="SVG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"<svg")
    page.get_by_role("button", name=re.compile(r"^Layer 1, expert 0, .* as learned$")).press("Space")
    page.get_by_role("button", name="Keep as a run").click()
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("Without the first")
    name.press("Enter")
    page.get_by_role("button", name="Keep", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Without the first")).to_be_visible()
    rest(page)
    assert f"run={studio[1]}&" not in page.url
    page.goto("/runs")
    rest(page)
    expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value(
        re.compile("^without-the-first")
    )
    # Its note is in the table of events, which is a canvas.
    db = database.open(studio[0].data)
    [child] = [run.id for run in runs.listing(db) if run.name == "Without the first"]
    notes = [event.text for event in metrics.events(db, child)]
    db.close()
    assert any(f"Kept from {studio[1]} with experts switched in" in note for note in notes)
