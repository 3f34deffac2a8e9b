"""What every visit to a page has in common: theme, size, waiting for rest, and what must not happen."""

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

THEMES = ("light", "dark")
HEIGHTS = {1280: 800, 1440: 900, 1920: 1080}
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: How long a page is waited for in milliseconds, not how fast it has to be: others use the cores, too, and
#: the first page of a server waits for all that its process loads.
PATIENCE = 60_000
_LOCAL_SCHEMES = ("data", "blob", "about")
_AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")

# What a hand does has no effect on the page before the server has said something to it.
_NOTE_ANSWERS = """
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(...where) {
    super(...where);
    this.addEventListener("message", () => { window.unanswered = false; });
  }
  send(told) {
    window.unanswered = true;
    super.send(told);
  }
};
"""
# Streamlit says when the script is done; charts and fonts come later, each in a chunk of its own.
_AT_REST = """() => {
  if (window.unanswered) return false;
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.dataset.testScriptState !== "notRunning") return false;
  if (document.querySelector('[data-testid="stSkeleton"], [data-stale="true"]')) return false;
  const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return charts.every(chart => chart.querySelector("canvas, svg")) && document.fonts.status === "loaded";
}"""


@dataclass
class Recorder:
    """What a page did that no page of the studio may do."""

    host: str
    outside_requests: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Record from now on."""
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL_SCHEMES and parts.netloc != self.host:
            self.outside_requests.append(url)


def new_page(browser: Browser, url: str, *, theme: str = "light", width: int = 1440) -> tuple[Page, Recorder]:
    """An empty page on the studio at `url`, in a context of its own, watched by a recorder."""
    context = browser.new_context(
        base_url=url,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": HEIGHTS[width]},
        reduced_motion="reduce",
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE)
    context.add_init_script(_NOTE_ANSWERS)
    page = context.new_page()
    recorder = Recorder(urlsplit(url).netloc)
    recorder.watch(page)
    return page, recorder


def settle(page: Page) -> None:
    """Wait until the script has run, the charts are drawn and the fonts are there."""
    page.wait_for_function(_AT_REST, timeout=PATIENCE)


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds on the page at rest, one line each: rule, impact, elements.

    An act may reach the server only after the page was last seen at rest, and what is drawn anew meanwhile is
    faint or small; what is found is therefore looked for again once that is over.
    """
    page.evaluate(_AXE)
    found = _axe(page)
    if found:
        page.wait_for_timeout(1_000)
        settle(page)
        found = _axe(page)
    return found


def _axe(page: Page) -> list[str]:
    # Axe describes every element that passed, too, and Playwright carries it over, unless told not to.
    asked = f"{{runOnly: {AXE_RULES}, resultTypes: ['violations']}}"
    violations: list[dict[str, Any]] = page.evaluate(
        f"axe.run(document, {asked}).then(found => found.violations)"
    )
    return [
        f"{finding['id']} ({finding['impact']}): {[node['html'][:200] for node in finding['nodes']]}"
        for finding in violations
    ]
