"""Edits: pure, total, and the only way a design changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.design.dial import Resize
from core.design.edit import Batch, Duplicate, Insert, Isolate, Merge, Move, Remove, SetValue
from core.design.edits import apply
from core.design.pointer import get
from core.design.problems import Problem
from core.design.spec import Design
from core.design.strategies import FineGrain, Widths
from tests.core.design.samples import BODY, starter


def edited(edit: Any) -> Design:
    result = apply(starter(), edit)
    assert isinstance(result, Design), result
    return result


def at(design: Design, pointer: str) -> Any:
    return get(design.model_dump(mode="json"), pointer)


def test_setting_a_value_leaves_the_old_design_alone() -> None:
    before = starter().model_dump_json()
    after = edited(SetValue(path=f"{BODY}/experts/0/count", value=16))
    assert at(after, f"{BODY}/experts/0/count") == 16
    assert starter().model_dump_json() == before


def test_lists_grow_shrink_and_move() -> None:
    group = {"kind": "glu", "count": 2, "hidden": 96}
    grown = edited(Insert(path=f"{BODY}/experts", value=group))
    assert [g["hidden"] for g in at(grown, f"{BODY}/experts")] == [128, 96]
    moved = apply(grown, Move(path=f"{BODY}/experts/1", to=0))
    assert [g["hidden"] for g in at(moved, f"{BODY}/experts")] == [96, 128]
    doubled = edited(Duplicate(path="/stacks/0/layers/0"))
    assert doubled.depth == 2 * starter().depth
    assert apply(doubled, Remove(path="/stacks/0/layers/0")) == starter()


def test_isolating_a_turn_changes_nothing_but_the_writing() -> None:
    apart = edited(Isolate(path="/stacks/0/layers/0", turn=1))
    assert [r.times for r in apart.stacks[0].layers] == [1, 1, 1]
    assert [o.path for o in apart.occurrences()] == [o.path for o in starter().occurrences()]
    only = apply(apart, SetValue(path="/stacks/0/layers/1/pattern/0/parts/1/body/experts/0/count", value=16))
    assert isinstance(only, Design)
    assert [o.body.count for o in only.occurrences() if o.body.kind == "moe"] == [8, 16, 8]


@pytest.mark.parametrize("strategy", ["equal", "arithmetic", "geometric"])
def test_width_strategies_keep_the_sum(strategy: str) -> None:
    after = edited(Widths(path=BODY, strategy=strategy, ratio=4, multiple=1))
    widths = next(p.part.body for p in after.parts() if p.part.body.kind == "moe").widths()
    assert abs(sum(widths) - 8 * 128) <= 8
    assert list(widths) == sorted(widths)
    if strategy != "equal":
        assert widths[-1] / widths[0] == pytest.approx(4, rel=0.05)


def test_fine_graining_keeps_parameters_and_active_width() -> None:
    after = edited(FineGrain(path=BODY, factor=4))
    moe = next(p.part.body for p in after.parts() if p.part.body.kind == "moe")
    assert (moe.count, moe.per_token, moe.experts[0].inner) == (32, 8, 32)


def test_a_stale_edit_is_refused() -> None:
    fresh = SetValue(path="/width", value=128, revision=starter().sha)
    assert isinstance(apply(starter(), fresh), Design)
    changed = edited(SetValue(path="/width", value=32))
    problem = apply(changed, fresh)
    assert isinstance(problem, Problem)
    assert problem.code == "stale"


def test_a_batch_is_all_or_nothing() -> None:
    batch = Batch(edits=(SetValue(path="/width", value=128), SetValue(path="/width/depth", value=1)))
    problem = apply(starter(), batch)
    assert isinstance(problem, Problem)
    assert problem.code == "edit-nowhere"


paths = st.one_of(
    st.sampled_from(
        ["", "/", "/width", "/stacks/0", "/stacks/9", BODY, f"{BODY}/experts/0", "/task", "no slash"]
    ),
    st.text(alphabet="/~01abst", max_size=12),
)
values = st.one_of(
    st.none(), st.integers(-5, 5), st.text(max_size=4), st.just({"kind": "dense"}), st.just([])
)
edits = st.one_of(
    st.builds(SetValue, path=paths, value=values),
    st.builds(Insert, path=paths, index=st.integers(-1, 5), value=values),
    st.builds(Remove, path=paths),
    st.builds(Move, path=paths, to=st.integers(0, 9)),
    st.builds(Duplicate, path=paths),
    st.builds(Isolate, path=paths, turn=st.integers(0, 5)),
    st.builds(Merge, path=paths, values=st.dictionaries(st.sampled_from(["width", "kind", "x"]), values)),
    st.builds(Widths, path=paths),
    st.builds(FineGrain, path=paths, factor=st.integers(2, 5)),
    st.builds(Resize, width=st.floats(0.01, 64), depth=st.floats(0.01, 64), experts=st.floats(0.01, 64)),
)


@given(st.lists(edits, min_size=1, max_size=6))
def test_apply_is_total_and_undo_is_the_stack_of_designs(sequence: list[Any]) -> None:
    history = [starter()]
    for edit in sequence:
        result = apply(history[-1], edit)
        assert isinstance(result, Design | Problem)
        if isinstance(result, Design):
            history.append(result)
        else:
            assert result.message
    assert history[0] == starter()
