"""Applying edits: pure and total. A design and an edit give a new design or a Problem, never an exception."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from core.design import dial as dial  # registers the size dial
from core.design import strategies as strategies  # registers the edits that write numbers by a rule
from core.design.edit import Batch, Edit
from core.design.mistakes import fault
from core.design.plain import Choice
from core.design.pointer import PointerError, from_location
from core.design.problems import Problem
from core.design.spec import Design
from core.design.structure import Repeat


def apply(design: Design, edit: Edit) -> Design | Problem:
    """The edited design, or why it cannot be."""
    revisions = {edit.revision, *(e.revision for e in getattr(edit, "edits", ()))} - {""}
    # Hashing takes longer than the edit itself, so it waits until an edit asks for it.
    if revisions and revisions != {design.sha}:
        return Problem(
            code="stale",
            message="The design has changed since this edit was made.",
            fix="To fix this, look at the design as it is now and make the edit again.",
        )
    try:
        document = edit.write(design.model_dump(mode="json"))
    except (PointerError, KeyError, TypeError, AttributeError, IndexError) as error:
        return Problem(
            code="edit-nowhere",
            path=str(getattr(edit, "path", "")),
            message=f"This edit fits no place in the design: {error}.",
            fix="To fix this, name a part that the design has.",
        )
    return parse(document)


def parse(document: Any) -> Design | Problem:
    """JSON as a design, or the first thing that is wrong with it, by JSON pointer."""
    found = parse_all(document)
    return found[0] if isinstance(found, tuple) else found


def parse_all(document: Any) -> Design | tuple[Problem, ...]:
    """JSON as a design, or everything that is wrong with it, by JSON pointer."""
    try:
        return Design.model_validate(_with_known_layers(document))
    except ValidationError as error:
        return tuple(_mistake(each) for each in error.errors(include_url=False))
    except RecursionError:
        nested = "This JSON is nested too deeply to be a design."
        return (Problem(code="not-a-design", message=nested, fix="To fix this, export the design again."),)


def _mistake(error: Mapping[str, Any]) -> Problem:
    """One value that is wrong."""
    path = from_location(error["loc"])
    shown = repr(error["input"])
    value = f" (it is {shown[:60]})" if error["type"] != "missing" and len(shown) <= 60 else ""
    return Problem(
        code="not-a-design",
        path=path,
        message=f"{_place(path)} is wrong: {fault(error)}{value}.",
        fix="To fix this, give it a value of that kind. Nothing was changed.",
    )


def _with_known_layers(document: Any) -> Any:
    """The document with what was read before in place of equal JSON: an edit leaves most layers alone.

    What cannot be read stays as it is, so that its place is told as everywhere.
    """
    stacks = document.get("stacks") if isinstance(document, dict) else None
    if not isinstance(stacks, list):
        return document
    return {**document, "stacks": [_with_known_repeats(stack) for stack in stacks]}


def _with_known_repeats(stack: Any) -> Any:
    layers = stack.get("layers") if isinstance(stack, dict) else None
    if not isinstance(layers, list):
        return stack
    try:
        return {**stack, "layers": [_repeat(json.dumps(entry), Choice.changes) for entry in layers]}
    except (ValueError, TypeError):
        return stack


# Twice what one design may hold: an edit asks again for all repeats but one.
@lru_cache(maxsize=1024)
def _repeat(text: str, changes: int) -> Repeat:
    """The layers that a text stands for in the vocabulary as it is after so many `changes`."""
    return Repeat.model_validate(json.loads(text))


def _place(path: str) -> str:
    keys = [key for key in path.split("/") if key]
    return " ".join(key.replace("_", " ") for key in keys[-2:]).capitalize() if keys else "The design"


def together(edits: tuple[Edit, ...], label: str = "") -> Edit:
    """Several edits as one step."""
    return edits[0] if len(edits) == 1 else Batch(edits=edits, label=label or edits[0].label)
