"""Rules of parts, stacks, tasks and heads in both directions: the refused, what mends it, its neighbour."""

from __future__ import annotations

from typing import Any

import pytest

from core.design.edits import apply, parse
from core.design.presets.registry import preset
from core.design.rules import check, errors
from core.design.spec import Design
from tests.core.design.samples import with_body
from tests.core.design.test_rules import LOWRANK, RAW, codes

ATTENTION = "/stacks/0/layers/0/pattern/0/parts/0"
MIXER, MOE = f"{ATTENTION}/body", "/stacks/0/layers/0/pattern/0/parts/1/body"
AOE = {"score": {"kind": "expert_norm"}, "weigh": RAW}


def written(name: str, **values: Any) -> Design:
    """A preset with some values changed, as JSON under their pointers."""
    document = preset(name).model_dump(mode="json")
    for pointer, value in values.items():
        *way, last = pointer.strip("/").split("/")
        here = document
        for step in way:
            here = here[int(step) if isinstance(here, list) else step]
        here[int(last) if isinstance(here, list) else last] = value
    made = parse(document)
    assert isinstance(made, Design), made
    return made


def dense(count: int) -> Design:
    return written(
        "starter", **{MOE: {"kind": "dense", "expert": {"kind": "mlp", "hidden": 8, "count": count}}}
    )


def stacks(**second: Any) -> Design:
    """The starter's stack twice, the second with another name."""
    (one,) = preset("starter").model_dump(mode="json")["stacks"]
    return written("starter", **{"/stacks": [one, one | {"name": "upper"} | second]})


def heads(*names: str) -> Design:
    every = [{"name": name, "kind": "classes", "size": 2} for name in names]
    return written("digits-vit", **{"/task/heads": every})


def experts(count: int) -> Design:
    halves = (count // 2, count - count // 2)
    return with_body(experts=[{"kind": "glu", "count": half, "hidden": 1} for half in halves])


#: What is refused by its code, and a neighbour that is not.
CASES = [
    ("dense-one", dense(2), dense(1)),
    ("experts-many", experts(4097), experts(4096)),
    (
        "heads-divide",
        written("starter", **{f"{MIXER}/heads": 3, f"{MIXER}/kv_heads": 3}),
        written("starter", **{f"{MIXER}/heads": 3, f"{MIXER}/kv_heads": 3, f"{MIXER}/head_width": 8}),
    ),
    (
        "kv-divide",
        written("starter", **{f"{MIXER}/kv_heads": 3}),
        written("starter", **{f"{MIXER}/kv_heads": 2}),
    ),
    (
        "rope-even",
        written("starter", **{f"{MIXER}/head_width": 7}),
        written("starter", **{f"{MIXER}/head_width": 7, f"{MIXER}/rope": None}),
    ),
    (
        "values-are-keys",
        written("starter", **{f"{MIXER}/values_are_keys": True, f"{MIXER}/value_width": 8}),
        written("starter", **{f"{MIXER}/values_are_keys": True}),
    ),
    ("cross-reads", written("starter", **{f"{MIXER}/cross": True}), preset("starter")),
    ("reads-earlier", written("starter", **{f"{ATTENTION}/reads": 1}), preset("starter")),
    ("stack-name", stacks(name=preset("starter").stacks[0].name), stacks()),
    ("stack-reads", stacks(reads="nowhere"), stacks(reads=preset("starter").stacks[0].name)),
    ("causal-needed", written("starter", **{"/stacks/0/causal": False}), preset("starter")),
    (
        "tied-needs-vocabulary",
        written("digits-vit", **{"/embedding/tied": True}),
        written("starter", **{"/embedding/tied": True}),
    ),
    (
        "vocabulary-bytes",
        written("starter", **{"/task/vocabulary": 300}),
        written("starter", **{"/task/vocabulary": 300, "/task/tokenizer": "external"}),
    ),
    (
        "patch-divides",
        written("digits-vit", **{"/task/patch": 3}),
        written("digits-vit", **{"/task/patch": 4}),
    ),
    ("head-name", heads("a", "a"), heads("a", "b")),
    (
        "score-is-a-norm",
        with_body(experts=LOWRANK, router=AOE, balance=[{"kind": "z_loss"}]),
        with_body(experts=LOWRANK, router=AOE, balance=[{"kind": "load_balance"}]),
    ),
]


@pytest.mark.parametrize(("code", "refused", "allowed"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_it_is_refused_with_an_edit_that_mends_it_and_its_neighbour_is_not(
    code: str, refused: Design, allowed: Design
) -> None:
    assert codes(allowed)[code] == 0
    problems = [problem for problem in errors(check(refused)) if problem.code == code]
    assert problems
    for problem in problems:
        assert problem.fix.startswith("To fix this, ")
        assert problem.edits
        for edit in problem.edits:
            mended = edit_of(refused, edit)
            assert codes(mended)[code] < codes(refused)[code]
            assert set(codes(mended)) <= set(codes(refused))


def edit_of(design: Design, edit: Any) -> Design:
    mended = apply(design, edit)
    assert isinstance(mended, Design), mended
    return mended
