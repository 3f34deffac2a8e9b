"""Colours of the drawing: they change colours only, and say what the counts say."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from app.composer import load
from app.composer.heat import QUANTITIES, heat_of, percent
from components.canvas.heat import POWER, Heat
from components.canvas.layout import draw
from core.cost.count import count
from core.cost.estimate import STRIP, STRIP_CONTEXT, estimate
from core.cost.flops import flops
from core.design.bodies.moe import Moe
from core.design.presets.registry import names, preset
from core.design.spec import Design
from tests.strategies import designs


def moes(design: Design) -> list[str]:
    return [p.pointer for p in design.parts() if isinstance(p.part.body, Moe)]


def drawn(design: Design, heat: Heat | None, opened: list[str]):
    return draw(design, count(design), opened=opened, heat=heat)


@settings(max_examples=20)
@given(designs(moe=True))
def test_heat_changes_colours_only(design):
    opened = moes(design)
    plain = drawn(design, None, opened)
    for key in QUANTITIES:
        coloured = drawn(design, heat_of(design, key, opened), opened)
        assert coloured.legend is not None
        bare = [replace(box, heat=None, heat_text="", dead=False) for box in coloured.boxes]
        assert (bare, coloured.wires, coloured.labels, coloured.slots) == (
            plain.boxes, plain.wires, plain.labels, plain.slots,
        )  # fmt: skip
        for box in coloured.boxes:
            shown = box.kind in ("row", "expert", "cell", "shared", "swarm")
            assert (box.heat is not None) == shown, box
            assert box.heat is None or 0 <= box.heat <= 1


@pytest.mark.parametrize("key", QUANTITIES)
@pytest.mark.parametrize("name", [n for n in names() if n not in ("t5-switch-base-8",)][:12])
def test_shares_of_closed_parts_add_up_to_the_whole(name, key):
    """What no row holds is the host's time of a step; all parameters and FLOPs stand in a row."""
    design = preset(name)
    counts = count(design)
    heat = heat_of(design, key)
    rows = [box.target for box in drawn(design, None, []).boxes if box.kind == "row"]
    assert set(rows) >= set(heat.values) - {"/stacks/0"}
    total = sum(value for value, _ in heat.values.values())
    highest = max(heat.values.values())
    if key == "latency":
        target, weights = STRIP[0]
        context = min(design.task.tokens, STRIP_CONTEXT)
        phase = "decode" if design.task.causal_loss else "prefill"
        found = estimate(design, target, phase=phase, context=context, weights=weights)
        whole, part = found.step.value, found.step.value - found.host
    elif key == "flops":
        whole = part = flops(counts, min(design.task.tokens, STRIP_CONTEXT)).forward
    else:
        whole = part = counts.total
    # Values are shares of the highest, whose own share of the whole stands in the legend.
    assert heat.high.startswith(highest[1])
    by_rows = _highest(design, key) / whole
    assert percent(by_rows) == highest[1]
    assert total * by_rows == pytest.approx(part / whole)


def _highest(design: Design, key: str) -> float:
    """The highest row by another way: figures of one turn times the turns."""
    counts = count(design)
    ends = {"input": "/task", "embedding": "/task", "head": "end", "stack": "end"}
    rows: dict[str, float] = {}
    if key == "latency":
        target, weights = STRIP[0]
        context = min(design.task.tokens, STRIP_CONTEXT)
        phase = "decode" if design.task.causal_loss else "prefill"
        placed = {each.pointer: each for each in design.parts()}
        apart: dict[str, float] = {}
        for op in estimate(design, target, phase=phase, context=context, weights=weights).ops:
            at = op.name if op.pointer == "/task" else op.pointer
            rows[at] = rows.get(at, 0.0) + op.seconds
        # Equal parts of a stack are one in a step; each takes as much as it has turns.
        for one in placed.values():
            alike = [e for e in placed.values() if e.part == one.part and e.stack is one.stack]
            together = sum(rows.get(e.pointer, 0.0) for e in alike)
            apart[one.pointer] = together * one.times / sum(e.times for e in alike)
        return max(*apart.values(), *(seconds for at, seconds in rows.items() if at not in placed))
    found = flops(counts, min(design.task.tokens, STRIP_CONTEXT))
    for part, each in zip(counts.parts, found.parts, strict=True):
        at = ends.get(part.kind, part.pointer) if part.placed is None else part.pointer
        rows[at] = rows.get(at, 0.0) + (each.forward if key == "flops" else part.times * part.parameters)
    return max(rows.values())


@pytest.mark.parametrize("key", QUANTITIES)
def test_experts_and_shared_experts_take_what_their_layer_takes_but_for_its_router(key):
    design = preset("deepseek-v3")
    (opened,) = moes(design)
    heat = heat_of(design, key, [opened])
    closed = heat_of(design, key)
    body = next(p.part.body for p in design.parts() if p.pointer == opened)
    assert opened not in heat.values
    inside = sum(
        group.count * heat.values[f"{opened}/body/{where}/{g}"][0]
        for where, groups in (("experts", body.experts), ("shared", body.shared))
        for g, group in enumerate(groups)
    )
    attention = opened.replace("/parts/1", "/parts/0")
    experts = inside / heat.values[attention][0]
    layer = closed.values[opened][0] / closed.values[attention][0]
    # Router, norm and residual stay with the layer; while decoding they wait for launches.
    assert 0.5 < experts / layer <= 1.0
    if key != "latency":
        assert experts / layer > 0.98


def test_parameters_of_unequal_experts():
    design = preset("starter")
    document = design.model_dump(mode="json")
    opened = moes(design)[0]
    where = document["stacks"][0]["layers"][0]["pattern"][0]["parts"][1]["body"]
    where["experts"] = [{"kind": "glu", "count": 6, "hidden": 512}, {"kind": "glu", "hidden": 1024}]
    design = Design.model_validate(document)
    heat = heat_of(design, "parameters", [opened])
    assert heat.values[f"{opened}/body/experts/1"][0] == 1.0
    assert heat.values[f"{opened}/body/experts/0"][0] == 0.5
    share = 3 * 3 * 64 * 1024 / count(design).total
    assert heat.values[f"{opened}/body/experts/1"][1] == percent(share)
    boxes = [box.heat for box in drawn(design, heat, [opened]).boxes if box.kind == "expert"]
    assert boxes == pytest.approx([0.5**POWER] * 6 + [1.0])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0\u2009%"), (0.0001, "<0.1\u2009%"), (0.004, "0.4\u2009%"), (0.063, "6\u2009%"), (1, "100\u2009%")],
)
def test_percent_of_a_small_box(share, text):
    assert percent(share) == text


def test_load_of_all_turns_against_a_fair_share():
    design = preset("starter")
    opened = moes(design)[:1]
    paths = [o.path for o in design.occurrences() if o.pointer == opened[0]]
    assert len(paths) == 3
    loads = {path: [10, 10, 0, 20, 10, 10, 10, 10] for path in paths[:2]}
    loads[paths[2]] = [10, 10, 0, 100, 10, 10, 10, 10]
    heat = load.heat_of(design, loads, opened, "Load in run 41")
    boxes = {box.number: box for box in drawn(design, heat, opened).boxes if box.kind == "expert"}
    fair = sum(sum(each) for each in loads.values()) / 8
    assert boxes[3].heat == 1.0
    assert boxes[3].heat_text == f"{140 / fair:.1f}\u2009×"
    assert heat.high == f"{140 / fair:.1f}\u2009× the fair share"
    assert boxes[0].heat == pytest.approx((30 / 140) ** POWER)
    assert [number for number, box in boxes.items() if box.dead] == [2]
    assert boxes[2].heat == 0.0
    assert all(box.heat is None for box in drawn(design, heat, opened).boxes if box.kind == "row")


def test_an_even_load_looks_even():
    design = preset("starter")
    opened = moes(design)
    path = next(o.path for o in design.occurrences() if o.pointer == opened[0])
    heat = load.heat_of(design, {path: [5] * 8}, opened, "Load")
    assert {value for value, _ in heat.values.values()} == {0.5}
    assert heat.high == "2.0\u2009× the fair share"
