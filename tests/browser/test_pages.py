"""Every page, in both themes: it opens, it breaks no accessibility rule, it keeps to its host."""

import pytest
from playwright.sync_api import Page, expect

from app.pages import PAGES
from core.design.plan import Plan
from core.design.presets.registry import preset
from storage import database, drafts, runs, work
from storage.drafts import Document
from storage.status import Status
from storage.tables import RunRow
from tests.app import seed
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.server import Server


@pytest.mark.parametrize("theme", visit.THEMES)
@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.url_path)
def test_page_opens_clean(entry, theme, open_page: OpenPage):
    page = open_page(entry.address)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page).to_have_title(f"{entry.title} · MoE Studio")
    assert visit.axe_violations(page) == []


def test_axe_would_notice_a_violation(page: Page):
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\">')")
    assert any(line.startswith("image-alt") for line in visit.axe_violations(page))


def test_recorder_notices_an_outside_request(browser, server: Server):
    page, recorder = visit.new_page(browser, server.url)
    page.route("**/*", lambda route: route.abort())
    page.evaluate("fetch('http://elsewhere.invalid/x').catch(() => 0)")
    page.context.close()
    assert recorder.outside_requests == ["http://elsewhere.invalid/x"]


def test_theme_follows_the_browser(open_page: OpenPage):
    backgrounds = {
        theme: open_page("/", theme=theme).evaluate(
            "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        )
        for theme in visit.THEMES
    }
    assert backgrounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 21, 24)"}


def test_fonts_are_ours(page: Page):
    assert page.evaluate("document.fonts.check('14px Inter')")
    assert page.evaluate("[...document.fonts].some(f => f.family.includes('Inter') && f.status === 'loaded')")


def test_link_is_kept_from_page_to_page(open_page: OpenPage, server: Server):
    run = seed.write_run(database.open(server.data), Status.PAUSED, "kept-link", steps=10, reached=5)
    page = open_page(f"/?design=uneven-26&run={run}")
    page.get_by_test_id("stTopNavLink").filter(has_text="Routing").click()
    page.wait_for_url("**/routing?*")
    visit.settle(page)
    page.wait_for_url(f"**/routing?design=uneven-26&run={run}")


def test_link_with_a_bad_id_is_named_and_dropped(open_page: OpenPage):
    page = open_page("/?design=../etc")
    expect(page.get_by_role("alert")).to_contain_text("'../etc'")
    assert "design=" not in page.url


@pytest.mark.parametrize("path", ["/", "/design", "/train", "/runs", "/routing", "/export"])
def test_a_name_that_is_a_picture_elsewhere_asks_nobody(path: str, open_page: OpenPage, server: Server):
    """`open_page` fails on a request to another host."""
    design = preset("starter").model_copy(update={"name": "![x](http://elsewhere.invalid/x.png)"})
    named = Document(design.name, design.model_dump_json(), design.sha)
    db = database.open(server.data)
    draft = drafts.create(db, named)
    run = runs.create(db, named, Plan(steps=1), "text", "named-as-a-picture")
    with db.write() as session:
        work.changed(session, RunRow, RunRow.id == run.id, status=Status.PAUSED.value)
    try:
        page = open_page(f"{path}?design={draft.id}&run={run.id}")
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert page.locator("img[src*='elsewhere']").count() == 0
    finally:
        drafts.remove(db, draft.id)
        runs.erase(db, run.id)


def test_words_of_users_are_shown_as_they_are(open_page: OpenPage, server: Server):
    words = ":material/home: a -> b, www.a.org, http://b.org, c@d.org &amp; *e*"
    design = preset("starter").model_copy(update={"name": words})
    db = database.open(server.data)
    named = Document(design.name, design.model_dump_json(), design.sha)
    run = runs.create(db, named, Plan(steps=1), "text", "named-as-markup")
    with db.write() as session:
        work.changed(session, RunRow, RunRow.id == run.id, status=Status.PAUSED.value)
    try:
        title = open_page(f"/train?run={run.id}").get_by_role("heading", level=1)
        expect(title).to_have_text(words)
        expect(title.locator("a, [role=img], em")).to_have_count(0)
    finally:
        runs.erase(db, run.id)
