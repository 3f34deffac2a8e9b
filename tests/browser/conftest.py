"""Fixtures: one server and one Chromium for the folder, and a fresh browser context for each test."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium, visit
from tests.browser.server import Server, serve

OpenPage = Callable[..., Page]

expect.set_options(timeout=visit.PATIENCE)
#: Of one test, which may wait for a page many times.
_SECONDS = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(_SECONDS))


# Package scope, not session: a running Playwright keeps an event loop alive, which other tests must not meet.
@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio with an empty data folder."""
    with serve(tmp_path_factory.mktemp("studio") / "data") as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as play:
        running = chromium.launch(play)
        yield running
        running.close()


@pytest.fixture
def theme() -> str:
    """The theme of `page`; parametrize a test with "theme" for the other one."""
    return "light"


@pytest.fixture
def width() -> int:
    """The window width of `page` in pixels; parametrize a test with "width" for others."""
    return 1440


@pytest.fixture
def open_page(browser: Browser, server: Server, theme: str, width: int) -> Iterator[OpenPage]:
    """Open an address of the studio and wait until it stands still; `open_page("/design", theme="dark")`.

    Each call is a new visitor. Whatever the test does, no page may raise or ask another host for anything.
    """
    visits = []

    def open_one(address: str = "/", *, theme: str = theme, width: int = width) -> Page:
        page, recorder = visit.new_page(browser, server.url, theme=theme, width=width)
        visits.append((page, recorder))
        page.goto(address)
        visit.settle(page)
        return page

    yield open_one
    for page, _ in visits:
        page.context.close()
    for _, recorder in visits:
        assert recorder.page_errors == []
        assert recorder.outside_requests == []


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """The start page, at rest."""
    return open_page("/")
