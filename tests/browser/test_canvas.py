"""The drawing worked by hand and by keys, in a real browser: what each gesture leaves in the design."""

import os
import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from app.composer.desk import document
from app.drawing import drawing
from core.design.compose.acts import act
from core.design.compose.sketch import Done
from core.design.edits import apply
from core.design.presets.registry import preset
from core.design.spec import Design
from storage import database, drafts
from tests.browser import visit
from tests.browser.conftest import OpenPage
from tests.browser.design import new_draft, part, stored, until
from tests.browser.server import Server

WHAT = {"f": "dense", "a": "attention"}


@pytest.fixture
def draft(server: Server) -> str:
    """The id of a fresh starter: three turns of attention and an MoE layer of eight experts."""
    return new_draft(server, "starter")


@pytest.fixture
def page(open_page: OpenPage, draft: str) -> Page:
    """The starter on the Design page."""
    return open_page(f"/design?design={draft}")


def kinds(design: Design) -> list[str]:
    """Parts of the design, top to bottom, each turn of a repeat once."""
    return [placed.part.body.kind for placed in design.parts()]


def widths(design: Design) -> list[int]:
    """Hidden width of each expert of the first MoE layer, by number."""
    parts = design.stacks[0].layers[0].pattern[0].parts
    moe = next(part.body for part in parts if part.body.kind == "moe")
    return [group.inner for group in moe.experts for _ in range(group.count)]


def item(page: Page, name: str) -> Locator:
    """An entry of the list of parts."""
    return page.get_by_role("toolbar", name="Add a part").get_by_role("button", name=re.compile(f"^{name}"))


def middle(thing: Locator) -> tuple[float, float]:
    box = thing.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def below(thing: Locator, by: float = 6) -> tuple[float, float]:
    """A point under the lower edge."""
    box = thing.bounding_box()
    assert box is not None
    return box["x"] + 240, box["y"] + box["height"] + by


def drag(page: Page, start: tuple[float, float], to: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 6, start[1] + 3)
    page.mouse.move(*to, steps=6)
    page.mouse.up()


def edge(page: Page, number: int) -> tuple[float, float]:
    """The right edge of an expert, where it is pulled."""
    box = part(page, f"{number}\\D").bounding_box()
    assert box is not None
    return box["x"] + box["width"] - 4, box["y"] + box["height"] / 2


def test_a_part_is_dragged_from_the_list_between_two_others(page: Page, server: Server, draft: str):
    drag(page, middle(item(page, "Dense FFN")), below(part(page, "Attention")))
    until(server, draft, page, kinds, ["attention", "dense", "moe"])
    expect(part(page, "Dense FFN")).to_have_attribute("aria-pressed", "true")


def test_escape_ends_a_drag_without_effect(page: Page, server: Server, draft: str):
    x, y = middle(item(page, "Dense FFN"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(*below(part(page, "Attention")), steps=6)
    expect(page.locator(".slot.near")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".slot")).to_have_count(0)
    page.mouse.up()
    visit.settle(page)
    assert stored(server, draft) == preset("starter")


def test_a_row_is_dragged_to_another_place(page: Page, server: Server, draft: str):
    combine = part(page, "Combine").bounding_box()
    assert combine is not None
    x, y = middle(part(page, "Attention"))
    drag(page, (x, y), (x, combine["y"] + combine["height"] + 12))
    until(server, draft, page, kinds, ["moe", "attention"])
    part(page, "Attention").focus()
    page.keyboard.press("Control+z")
    until(server, draft, page, kinds, ["attention", "moe"])


def test_one_expert_is_pulled_wider_by_its_edge(page: Page, server: Server, draft: str):
    x, y = edge(page, 3)
    drag(page, (x, y), (x + 40, y))
    until(server, draft, page, lambda d: [n for n, w in enumerate(widths(d)) if w > 128], [3])
    wide = widths(stored(server, draft))
    assert wide[3] % 8 == 0
    assert {w for n, w in enumerate(wide) if n != 3} == {128}


def test_with_shift_the_whole_group_is_pulled(page: Page, server: Server, draft: str):
    x, y = edge(page, 2)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10, y)
    page.keyboard.down("Shift")
    page.mouse.move(x + 30, y, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    until(server, draft, page, lambda d: len(set(widths(d))) == 1 and widths(d)[0] > 128, True)


def test_keys_resize_one_expert_by_a_snap_and_by_a_unit(page: Page, server: Server, draft: str):
    part(page, "5\\D").focus()
    page.keyboard.press("Shift+ArrowRight")
    until(server, draft, page, lambda d: widths(d)[5], 136)
    expect(part(page, "5\\D")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("Alt+Shift+ArrowLeft")
    until(server, draft, page, lambda d: widths(d)[4:7], [128, 133, 128])


def test_handles_change_the_number_of_experts(page: Page, server: Server, draft: str):
    page.get_by_role("button", name=re.compile("^ ?More experts")).click()
    until(server, draft, page, lambda d: len(widths(d)), 9)
    page.get_by_role("button", name=re.compile("^ ?Fewer experts")).click()
    until(server, draft, page, lambda d: len(widths(d)), 8)


def test_several_parts_are_deleted_together_and_come_back(page: Page, server: Server, draft: str):
    part(page, "Attention").click()
    page.keyboard.press("f")
    until(server, draft, page, kinds, ["attention", "moe", "dense"])
    part(page, "Attention").click()
    part(page, "Dense FFN").click(modifiers=["Control"])
    expect(part(page, "Attention")).to_have_attribute("aria-pressed", "true")
    expect(part(page, "Dense FFN")).to_have_attribute("aria-pressed", "true")
    expect(part(page, "MoE layer")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Delete")
    until(server, draft, page, kinds, ["moe"])
    expect(part(page, "MoE layer")).to_be_focused()
    page.keyboard.press("Control+z")
    until(server, draft, page, kinds, ["attention", "moe", "dense"])


def test_a_marquee_and_the_space_bar_select(page: Page):
    stage = page.locator(".stage").bounding_box()
    row = part(page, "MoE layer").bounding_box()
    assert stage is not None
    assert row is not None
    page.keyboard.down("Shift")
    drag(page, (stage["x"] + 8, stage["y"] + 8), (row["x"] + 60, row["y"] + 10))
    page.keyboard.up("Shift")
    pressed = page.get_by_role("group", name="Layers").locator("[aria-pressed=true]")
    expect(pressed).to_have_count(3)
    part(page, "Attention").focus()
    page.keyboard.press(" ")
    expect(pressed).to_have_count(2)
    page.keyboard.press("Escape")
    expect(pressed).to_have_count(1)


def test_copy_cut_and_paste_by_keys(page: Page, server: Server, draft: str):
    part(page, "Attention").click()
    page.keyboard.press("Control+c")
    part(page, "MoE layer").click()
    page.keyboard.press("Control+v")
    until(server, draft, page, kinds, ["attention", "moe", "attention"])
    part(page, "Attention").first.click()
    page.keyboard.press("Control+x")
    until(server, draft, page, kinds, ["moe", "attention"])


@pytest.mark.parametrize("write", [Design.model_dump_json, drawing], ids=["json", "drawing"])
def test_the_text_of_a_design_is_pasted_as_a_new_design(
    page: Page, server: Server, draft: str, write: Callable[[Design], str]
):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    text = write(preset("mixtral-8x7b"))
    part(page, "Attention").focus()
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mixtral 8x7B")
    assert stored(server, draft) == preset("starter")


def test_a_dropped_file_is_opened(page: Page, server: Server, draft: str):
    text = preset("mixtral-8x7b").model_dump_json()
    drop_file(page, "mixtral.json", text)
    expect(page.get_by_role("heading", level=1)).to_have_text("Mixtral 8x7B")
    assert stored(server, draft) == preset("starter")


def test_a_file_that_is_too_big_is_refused_with_a_reason(page: Page, server: Server, draft: str):
    drop_file(page, "model.json", "x" * 4_000_001)
    expect(page.locator(".toast")).to_contain_text("at most 4")
    assert stored(server, draft) == preset("starter")


def drop_file(page: Page, name: str, text: str) -> None:
    """Drop a file on the stage, as the browser tells it."""
    carried = page.evaluate_handle(
        """([name, text]) => { const data = new DataTransfer();
        data.items.add(new File([text], name, { type: "application/json" })); return data; }""",
        [name, text],
    )
    page.locator(".stage").dispatch_event("drop", {"dataTransfer": carried})


def test_a_part_is_added_by_name(page: Page, server: Server, draft: str):
    part(page, "Attention").click()
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="Act", exact=True)
    expect(box).to_be_focused()
    box.fill("add dense")
    expect(page.get_by_role("option", selected=True)).to_contain_text("Dense FFN")
    page.keyboard.press("Enter")
    until(server, draft, page, kinds, ["attention", "moe", "dense"])
    expect(box).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(part(page, "Dense FFN")).to_be_focused()


def test_heat_colours_the_drawing_and_leaves_its_places(page: Page):
    read = "boxes => [...boxes.children].map(n => n.style.left + n.style.top + n.style.width)"
    boxes = page.locator(".boxes")
    before = boxes.evaluate(read)
    page.get_by_role("button", name="Heat", exact=True).click()
    expect(page.locator(".box.hot").first).to_be_visible()
    expect(page.locator(".legend")).to_be_visible()
    assert boxes.evaluate(read) == before
    menu = page.get_by_role("button", name="Share of parameters")
    menu.click()
    page.get_by_role("menuitemradio", name="Share of active FLOPs").click()
    expect(page.get_by_role("button", name="Share of active FLOPs")).to_be_visible()
    part(page, "Attention").focus()
    page.keyboard.press("h")
    expect(page.get_by_role("button", name="Share of active FLOPs")).to_be_hidden()
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.locator(".box.hot")).to_have_count(0)


def test_zoom_survives_an_edit_and_a_reload(page: Page, server: Server, draft: str):
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    zoom = page.locator(".zoom")
    shown = zoom.inner_text()
    part(page, "Attention").click()
    page.keyboard.press("f")
    until(server, draft, page, kinds, ["attention", "moe", "dense"])
    expect(zoom).to_have_text(shown)
    page.reload()
    visit.settle(page)
    expect(page.locator(".zoom")).to_have_text(shown)
    page.get_by_role("button", name="Fit to the window").click()
    expect(page.locator(".zoom")).not_to_have_text(shown)


def test_the_wheel_zooms_around_the_pointer(page: Page):
    row = part(page, "Router")
    x, y = middle(row)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(page.locator(".zoom")).not_to_have_text("102 %")
    after = middle(row)
    assert abs(after[0] - x) < 30
    assert abs(after[1] - y) < 30


def unrolled(name: str) -> Design:
    """A published design with every layer written out."""
    design = preset(name)
    stack = design.stacks[0]
    layers = tuple(
        repeat.model_copy(update={"times": 1}) for repeat in stack.layers for _ in range(repeat.times)
    )
    return design.model_copy(update={"stacks": (stack.model_copy(update={"layers": layers}),)})


def test_a_design_of_61_layers_has_a_minimap_that_jumps(open_page: OpenPage, server: Server, page: Page):
    expect(page.locator(".mini")).to_be_hidden()
    design = unrolled("deepseek-v3")
    assert len(design.stacks[0].layers) == 61
    deep = open_page(f"/design?design={drafts.create(database.open(server.data), document(design)).id}")
    mini = deep.locator(".mini")
    expect(mini).to_be_visible()
    box = mini.bounding_box()
    assert box is not None
    deep.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 6)
    expect(part(deep, "Output head")).to_be_in_viewport()


def test_the_sheet_of_keys_opens_and_closes(page: Page):
    part(page, "Attention").focus()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard and mouse")
    expect(sheet.get_by_role("row")).to_have_count(20)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(part(page, "Attention")).to_be_focused()


def test_keys_walk_to_a_problem_and_mend_it(open_page: OpenPage, server: Server):
    design = preset("starter").model_dump(mode="json")
    design["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]["router"]["select"]["k"] = 10
    draft = drafts.create(database.open(server.data), document(Design.model_validate(design))).id
    page = open_page(f"/design?design={draft}")
    part(page, "Token embedding").focus()
    page.keyboard.press("F8")
    expect(page.get_by_role("button", name="Set top-k to 8")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Set top-k to 8")).to_have_count(0)
    visit.settle(page)
    moe = stored(server, draft).stacks[0].layers[0].pattern[0].parts[1].body
    assert moe.router.select.k == 8


def test_forty_acts_in_a_burst_are_done_in_their_order(page: Page, server: Server, draft: str):
    """A key each 10 ms while the server stands still: the design is the one that slow hands would make."""
    keys = [("]" if n % 4 else "fa"[n // 4 % 2]) for n in range(40)]
    wanted, at = preset("starter"), "/stacks/0/layers/0/pattern/0/parts/1"
    for key in keys:
        done = act(wanted, "repeat", [at], by=1) if key == "]" else act(wanted, "add", [at], what=WHAT[key])
        assert isinstance(done, Done)
        assert done.edit is not None
        result = apply(wanted, done.edit)
        assert isinstance(result, Design)
        wanted, at = result, done.select
    part(page, "MoE layer").click()
    visit.settle(page)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(10)
        page.wait_for_timeout(2000)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    until(server, draft, page, lambda d: d.stacks, wanted.stacks, seconds=120)


@pytest.mark.parametrize("theme", visit.THEMES)
def test_the_drawing_breaks_no_rule_at_work(open_page: OpenPage, draft: str, theme: str):
    page = open_page(f"/design?design={draft}", theme=theme)
    page.get_by_role("button", name="Heat", exact=True).click()
    expect(page.locator(".box.hot").first).to_be_visible()
    page.mouse.move(0, 0)
    visit.settle(page)
    assert visit.axe_violations(page) == []
    page.get_by_role("button", name="Share of parameters").click()
    assert visit.axe_violations(page) == []
    page.keyboard.press("Escape")
    part(page, "Attention").focus()
    for key, dialog in (("/", "Every act by name"), ("?", "Keyboard and mouse")):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=dialog)).to_be_visible()
        assert visit.axe_violations(page) == []
        page.keyboard.press("Escape")


def test_the_drawing_is_saved_as_svg_and_png(page: Page):
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        page.get_by_role("button", name="Save the drawing").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=re.compile(kind)).click()
        content = download.value.path().read_bytes()
        assert content.startswith(start)
        assert len(content) > 5_000
    page.get_by_role("button", name="Save the drawing").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=re.compile("SVG")).click()
    text = download.value.path().read_text(encoding="utf-8")
    assert "MoE layer" in text
    assert "var(" not in text
    assert "color(" not in text


def test_an_empty_design_says_how_to_begin(open_page: OpenPage, server: Server):
    design = preset("starter").model_dump(mode="json")
    design["stacks"][0]["layers"] = []
    draft = drafts.create(database.open(server.data), document(Design.model_validate(design))).id
    page = open_page(f"/design?design={draft}")
    expect(page.get_by_text("No layers yet. Drag a part here")).to_be_visible()
    page.locator(".empty").get_by_role("button", name="MoE layer").click()
    expect(part(page, "MoE layer")).to_be_visible()
    until(server, draft, page, kinds, ["moe"])
