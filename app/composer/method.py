"""The select box of routing methods over one MoE layer."""

from functools import lru_cache
from typing import Any

import streamlit as st
from pydantic import ValidationError

from app import state
from app.guard import guarded
from core.design.bodies.moe import Moe
from core.design.presets.methods import Method, method, method_edit, methods
from core.design.presets.routing.bank import Bank
from core.design.spec import Design
from storage.database import Database

OWN_MIX = "Own mix"


@lru_cache(maxsize=64)
def method_of(design: Design, part: str) -> Method | None:
    """The method that would change nothing here, else one that would only balance a little otherwise."""
    placed = next((p for p in design.parts() if p.pointer == part), None)
    moe = placed.part.body if placed is not None else None
    if not isinstance(moe, Moe):
        return None
    here, bank = moe.model_dump(mode="json"), Bank(moe, design)
    written = [(entry, _written(entry, here, bank)) for entry in methods()]
    same = [entry for entry, then in written if then == moe]
    near = [entry for entry, then in written if then is not None and _alike(then, moe)]
    return next(iter([*same, *near]), None)


def _written(entry: Method, here: dict[str, Any], bank: Bank) -> Moe | None:
    try:
        return Moe.model_validate({**here, **entry.write(bank)})
    except ValidationError:
        return None


def _alike(one: Moe, other: Moe) -> bool:
    """Whether only coefficients of balance, or what balances besides, tell them apart."""
    first = [balancer.kind for balancer in one.balance[:1]] == [b.kind for b in other.balance[:1]]
    return first and one.model_copy(update={"balance": ()}) == other.model_copy(update={"balance": ()})


def method_box(db: Database, part: str) -> None:
    """Choose a method; what is chosen is what the layer is now."""
    desk = state.desk()
    here = method_of(desk.design, part)
    names = [*([OWN_MIX] if here is None else []), *(entry.name for entry in methods())]
    key = f"method:{part}:{desk.design.sha}"
    st.selectbox(
        "Method",
        names,
        index=names.index(here.name) if here is not None else 0,
        format_func=_title,
        key=key,
        on_change=_choose,
        args=(db, part, key),
        help="A method of a paper as one step. It writes the axes below; experts keep their number and"
        " widths unless they are what it is about.",
    )


def _title(name: str) -> str:
    if name == OWN_MIX:
        return name
    entry = method(name)
    return f"{entry.title} (looks ahead)" if entry.looks_ahead else entry.title


@guarded
def _choose(db: Database, part: str, key: str) -> None:
    desk, name = state.desk(), st.session_state[key]
    if name != OWN_MIX:
        desk.edit(db, method_edit(desk.design, part, name))
