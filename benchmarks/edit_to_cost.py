"""From an edit to the updated cost on screen, in a real browser, beside the least that Streamlit takes.

Each edit types another hidden width into the inspector and presses Enter. The clock starts with the key press
in the page and stops when a MutationObserver sees the cost strip say something else. The floor is the same
with a page of one number field and one line of text, on a second server with the same settings. Both take
turns, edit by edit, so that whatever else the machine does meets both.

    PYTHONPATH=. python benchmarks/edit_to_cost.py [--edits 20] [--loads 3]
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from app.composer.desk import document
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.browser import chromium, visit
from tests.browser.server import serve

FLOOR = """
import streamlit as st
st.text(f"Width {st.number_input('Hidden width', 8, 65536, 64, 8)}")
"""
#: The page rests so long before each edit, in ms.
IDLE = 300
# Where the answer shows: inside the shadow root of our own part, or in a plain element.
WATCH = """(where) => {
  const inside = (root) => root.querySelector(where) ||
    [...root.querySelectorAll("*")].map((e) => e.shadowRoot && inside(e.shadowRoot)).find(Boolean);
  const node = inside(document), watch = (window.watch = { start: 0, took: 0, said: node.textContent });
  const begin = (e) => e.key === "Enter" && Object.assign(watch, { start: e.timeStamp, took: 0 });
  addEventListener("keydown", begin, true);
  new MutationObserver(() => {
    if (node.textContent === watch.said) return;
    watch.said = node.textContent;
    if (watch.start && !watch.took) watch.took = performance.now() - watch.start;
  }).observe(node, { childList: true, subtree: true, characterData: true });
}"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@dataclass
class Case:
    """A page under the clock: where its answer shows, how it is called, milliseconds of its edits."""

    name: str
    address: str
    where: str
    page: Page
    recorder: visit.Recorder
    took: list[float] = field(default_factory=list)

    def edit(self) -> None:
        """Type another width, wait for the answer, then for rest."""
        box = self.page.get_by_role("spinbutton", name="Hidden width").first
        # Always another width: what the browser has seen before it is not sent again.
        box.fill(str(int(box.input_value()) + 8))
        self.page.wait_for_timeout(IDLE)
        box.press("Enter")
        self.page.wait_for_function("watch.took > 0", timeout=60_000)
        self.took.append(float(self.page.evaluate("watch.took")))
        visit.settle(self.page)
        self.page.wait_for_timeout(IDLE)


def unrolled(design: Design) -> Design:
    """Every layer alone in a repeat of its own, as an import of a model whose layers differ gives it."""
    content = design.model_dump(mode="json")
    for stack in content["stacks"]:
        stack["layers"] = [
            {"times": 1, "pattern": repeat["pattern"]}
            for repeat in stack["layers"]
            for _ in range(repeat["times"])
        ]
    return Design.model_validate(content | {"name": f"{design.name}, unrolled"})


def designs() -> dict[str, Design]:
    """What is edited."""
    large = preset("deepseek-v3")
    return {
        "starter": preset("starter"),
        "61 layers, 256 experts": large,
        "61 layers unrolled": unrolled(large),
    }


@contextmanager
def opened(browser: Browser, scratch: Path) -> Iterator[list[Case]]:
    """A page for the floor and one for each design, at rest."""
    script = scratch / "floor.py"
    script.write_text(FLOOR)
    data = scratch / "data"
    data.mkdir()
    db = database.open(data)
    links = {name: drafts.create(db, document(design)).id for name, design in designs().items()}
    with serve(data) as studio, serve(scratch / "floor", script) as floor:
        cases = [_case(browser, "floor", floor.url, "[data-testid='stText']")]
        cases += [
            _case(browser, name, f"{studio.url}/design?design={link}", ".strip dl")
            for name, link in links.items()
        ]
        yield cases


def _case(browser: Browser, name: str, address: str, where: str) -> Case:
    page, recorder = visit.new_page(browser, address.split("/design")[0])
    page.goto(address)
    page.wait_for_selector(where, timeout=60_000)
    visit.settle(page)
    page.evaluate(WATCH, where.removesuffix(" dl"))
    return Case(name, address, where, page, recorder)


def first_paint(browser: Browser, case: Case) -> tuple[float, float]:
    """Milliseconds of a new visitor to the first contentful paint, and to what the edits change."""
    page, _ = visit.new_page(browser, case.address.split("/design")[0])
    page.goto(case.address)
    page.wait_for_selector(case.where, timeout=60_000)
    there = float(page.evaluate("performance.now()"))
    painted = float(page.evaluate(PAINTED))
    page.context.close()
    return painted, there


def percentile(values: list[float], share: float) -> float:
    """The nearest rank."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--loads", type=int, default=3)
    args = parser.parse_args()
    loads = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory(prefix="moe-edit-") as scratch, sync_playwright() as play:
        browser = chromium.launch(play)
        with opened(browser, Path(scratch)) as cases:
            for case in cases:
                case.edit()
                case.took.clear()
            for _ in range(args.edits):
                for case in cases:
                    case.edit()
            outside = sum(len(case.recorder.outside_requests) for case in cases)
            paints = [[first_paint(browser, case) for _ in range(args.loads)] for case in cases]
        browser.close()
    loads.append(os.getloadavg()[0])
    print("| | median ms | p95 ms | first paint ms | figures there ms |\n|---|---|---|---|---|")
    for case, times in zip(cases, paints, strict=True):
        paint, there = (statistics.median(each) for each in zip(*times, strict=True))
        middle, high = statistics.median(case.took), percentile(case.took, 0.95)
        print(f"| {case.name} | {middle:.0f} | {high:.0f} | {paint:.0f} | {there:.0f} |")
    print(f"\nn={args.edits}; requests to other hosts: {outside}; load {loads[0]:.1f} to {loads[1]:.1f}")
    print(json.dumps({case.name: [round(t) for t in case.took] for case in cases}), file=sys.stderr)


if __name__ == "__main__":
    main()
