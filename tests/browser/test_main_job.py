"""The main job, end to end, as a stranger does it: draw, cost, train, see routing, take the model away."""

import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from playwright.sync_api import Page, expect

from core.analysis.summary import summary
from core.model.passing import Pass
from core.trace.newest import newest_trace
from core.trace.record import read
from core.train.restore import restore
from storage import database, metrics
from tests.browser import visit
from tests.browser.server import Server

#: On two busy cores everything takes its time; each wait ends as soon as there is something to see.
STEPS = 200
TRAINING_MS = 400_000
EXPORT_MS = 300_000

#: Text that none of the five domains holds.
NEW_TEXT = "It was a quiet evening: 12 + 30 = 42, said for (int i = 0; i < 3; ++i) and nobody else."


def strip_total(page: Page):
    return page.get_by_role("region", name="Cost of this design").locator("dd").first


def go(page: Page, name: str) -> None:
    page.get_by_test_id("stTopNavLink").filter(has_text=re.compile(rf"^{name}$")).click()
    page.wait_for_url(re.compile(rf".*/{name.lower()}\b.*"))
    visit.settle(page)


def drawn_with_sixteen_experts(page: Page) -> None:
    """The starter, its experts doubled; the cost strip follows."""
    page.get_by_role("button", name="Open the starter").click()
    page.wait_for_url("**/design?design=starter-*")
    visit.settle(page)
    before = strip_total(page).inner_text()
    experts = page.get_by_role("spinbutton", name="Experts", exact=True)
    experts.fill("16")
    experts.press("Enter")
    expect(strip_total(page)).not_to_contain_text(before)
    expect(strip_total(page)).to_contain_text("↑")


def trained(page: Page) -> str:
    """Train what is open; the id of the run once it is done."""
    page.get_by_role("button", name="Train this design").click()
    page.wait_for_url("**/train?design=*")
    visit.settle(page)
    steps = page.get_by_role("spinbutton", name="Steps")
    steps.fill(str(STEPS))
    steps.press("Enter")
    visit.settle(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**run=*")
    expect(page.get_by_text(re.compile(r"Done\s*$")).first).to_be_visible(timeout=TRAINING_MS)
    found = re.search(r"run=([a-z0-9-]+)", page.url)
    assert found
    return found.group(1)


def exported(page: Page, folder: Path) -> Path:
    """Export the open run; the file as the browser downloads it."""
    go(page, "Export")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text(re.compile(r"Parity\s*$")).first).to_be_visible(timeout=EXPORT_MS)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile(r"\.onnx")).click()
    path = folder / "model.onnx"
    download.value.save_as(path)
    return path


def outputs(path: Path, tokens_BS: np.ndarray) -> dict[str, np.ndarray]:
    """Everything the file says of a text, by name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input_ids": tokens_BS}), strict=True))


@pytest.mark.timeout(1800)
def test_draw_cost_train_see_export(page: Page, server: Server, tmp_path: Path) -> None:
    drawn_with_sixteen_experts(page)
    run_id = trained(page)
    folder = server.data / "runs" / run_id

    rows = metrics.read(database.open(server.data), run_id)
    losses = [row.held_out["loss"] for row in rows if "loss" in row.held_out]
    assert losses[-1] < 0.6 * losses[0]

    trace = newest_trace(folder)
    assert trace is not None
    layers = summary(read(trace))
    assert any(layer["specialization"] > layer["specialization_chance_95"] for layer in layers)
    page.get_by_role("button", name="See routing").click()
    page.wait_for_url("**/routing?*")
    visit.settle(page)
    expect(page.get_by_text(re.compile("Specialization peaks in layer"))).to_be_visible()

    file = exported(page, tmp_path)
    design, _, model, _ = restore(folder)
    assert {o.body.count for o in design.occurrences() if o.body.kind == "moe"} == {16}
    tokens_BS = np.frombuffer(NEW_TEXT.encode()[:64], dtype=np.uint8).astype(np.int64)[None]
    with torch.no_grad():
        own = model(torch.from_numpy(tokens_BS.copy()), Pass(record="full"))
    told = outputs(file, tokens_BS)
    logits = own.logits["next"].numpy()
    assert np.abs(told["logits"] - logits).max() <= 1e-5 * max(1.0, float(np.abs(logits).max()))
    for path, record in own.records.items():
        theirs = np.sort(told[f"routing/{path}/expert"].reshape(-1, 2), axis=1)
        ours = np.sort(record.expert_TK.numpy(), axis=1)
        clear = record.margin_T.numpy() > 1e-5
        assert (theirs[clear] == ours[clear]).all()
