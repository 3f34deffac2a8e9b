"""Random acts on random designs: never an exception, and every design on the way is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.composer.desk import document
from components.canvas.layout import draw
from core.cost.count import count
from core.design.compose.acts import ACTS, act
from core.design.compose.clip import Clip, copied
from core.design.compose.parts import NAMES
from core.design.compose.sketch import Done
from core.design.edits import apply
from core.design.link import decode, encode
from core.design.pointer import PointerError, get
from core.design.presets.methods import methods
from core.design.problems import Problem
from core.design.spec import Design
from storage import database, drafts
from storage.database import Database
from storage.records import Draft
from tests.strategies import any_designs

pytestmark = pytest.mark.timeout(7200)
#: Pointers that lead nowhere, or where nothing can be done.
NONSENSE = (
    "",
    "/",
    "x",
    "/task",
    "/task/heads/0",
    "/stacks",
    "/stacks/0",
    "/stacks/0/layers",
    "/stacks/0/layers/99",
    "/stacks/1/layers/0/pattern/0/parts/-1",
    "/stacks/0/layers/0/pattern/0/parts/0/body/experts/99",
    "/stacks/0/layers/0/pattern/00/parts/٣",
    "/embedding/~2",
)
ENTRIES = ("layers", "pattern", "parts", "experts", "shared", "balance", "modifiers", "heads")


def pointers(node: Any, path: str = "") -> list[str]:
    """Every pointer of a document, and the places at the ends of its lists."""
    found = [path]
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        found += pointers(value, f"{path}/{key}")
    if isinstance(node, list):
        found.append(f"{path}/{len(node)}")
    return found


def entries(design: Design) -> list[str]:
    """Pointers that the drawing has boxes or places for."""
    found = pointers(design.model_dump(mode="json"))
    return [p for p in found if p.rsplit("/", 2)[-2:-1] and p.rsplit("/", 2)[-2] in ENTRIES]


def pick(data: st.DataObject, design: Design) -> str:
    likely = entries(design)
    choice = data.draw(st.integers(0, 9))
    if choice == 0:
        return data.draw(st.sampled_from(NONSENSE))
    if choice == 1 or not likely:
        return data.draw(st.sampled_from(pointers(design.model_dump(mode="json"))))
    return data.draw(st.sampled_from(likely))


def draw_act(data: st.DataObject, design: Design, clip: Clip | None) -> tuple[str, Done | str]:
    name = data.draw(st.sampled_from(ACTS))
    targets = [pick(data, design) for _ in range(data.draw(st.integers(1, 3)))]
    what = st.sampled_from([*NAMES, "nothing"])
    if name == "method":
        what = st.sampled_from([*(method.name for method in methods()), "nothing"])
    values = {
        "place": pick(data, design) if data.draw(st.booleans()) else "",
        "what": data.draw(what),
        "by": data.draw(st.sampled_from([-1, 1, 1, 2, -5, 0, 10**6])),
        "number": data.draw(st.integers(-1, 6)),
        "width": data.draw(st.sampled_from([8, 16, 5, 0, -3, 10**7])),
        "alone": data.draw(st.booleans()),
    }
    return name, act(design, name, targets, clip=clip, **values)


def whole(design: Design) -> None:
    """It says itself in JSON and in a link, and can be drawn."""
    assert Design.model_validate_json(design.model_dump_json()) == design
    assert decode(encode(design)) == design
    opened = {placed.pointer for placed in design.parts()}
    picture = draw(design, count(design), opened=opened).as_json()
    assert json.loads(json.dumps(picture, allow_nan=False))["boxes"]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = database.open(tmp_path_factory.mktemp("composing"))
    yield opened
    opened.close()


@settings(max_examples=max(150, settings().max_examples), suppress_health_check=list(HealthCheck))
@given(any_designs(), st.data())
def test_any_acts_in_any_order(db: Database, start: Design, data: st.DataObject) -> None:
    history, shas, clip = [start], [start.sha], None
    draft = drafts.create(db, document(start))
    for _ in range(data.draw(st.integers(1, 8))):
        design = history[-1]
        if data.draw(st.integers(0, 3)) == 0:
            taken = copied(design, [pick(data, design)])
            clip = taken if isinstance(taken, Clip) else clip
        name, done = draw_act(data, design, clip)
        if isinstance(done, str):
            assert done.endswith("."), done
            continue
        if done.edit is None:
            continue
        assert done.edit.label
        after = apply(design, done.edit)
        if isinstance(after, Problem):
            # The lists that acts do not know by name have a most, and a method has its own rules.
            assert "at most" in str(after) or "at least" in str(after), (name, after)
            continue
        assert stands(after, done.select), (name, done.select)
        assert set(done.moved.values()) <= {placed.pointer for placed in after.parts()}
        whole(after)
        if after == design:
            continue
        saved = drafts.save(db, draft.id, draft.revision, document(after), done.edit.label)
        assert isinstance(saved, Draft)
        draft = saved
        history.append(after)
        shas.append(after.sha)
    for sha in reversed(shas):
        assert draft.sha == sha
        last, draft = draft, drafts.undo(db, draft.id, draft.revision)
    assert last.undo is None
    assert draft.sha == start.sha


def stands(design: Design, pointer: str) -> bool:
    try:
        get(design.model_dump(mode="json"), pointer)
    except PointerError:
        return False
    return True
