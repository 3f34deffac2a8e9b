"""The panel beside the drawing: what is selected, as forms from the schema, and what can be done with it."""

from typing import Any

import streamlit as st

from app import state
from app.composer.desk import Desk
from app.composer.dial import dial
from app.composer.method import OWN_MIX, method_box, method_of
from app.composer.place import PART, Step, body_at, cut, moe_at, place
from app.composer.sentences import body_formula, formula_of, held, router_sentence, sentence
from app.composer.weight import weight_line
from app.guard import guarded
from components import page
from components.canvas.notes import select_note
from components.canvas.ops import Op
from components.forms.form import Form
from components.words import plural
from core.design.bodies.moe import Moe
from core.design.compose.parts import NAMES
from core.design.compose.sketch import entry_at
from core.design.edit import Edit, Isolate
from core.design.pointer import get
from core.design.spec import Design
from storage.database import Database

#: Fields of a layer's part that say how it joins the stream.
PLACE = ("reads", "joins", "norm", "scale")


def inspector(db: Database) -> None:
    """Draw the panel for the selection of this session."""
    desk = state.desk()
    target = desk.selected

    @guarded
    def emit(edit: Edit) -> None:
        desk.edit(db, edit)

    form = Form(desk.design.model_dump(mode="json"), emit=emit, prefix="inspect")
    above, name = place(desk.design, target)
    if above:
        _above(above)
    else:
        st.caption(page.plain(desk.design.name), width="stretch")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.subheader(name, anchor=False, width="content")
        if target.endswith("/router") and moe_at(desk.design, target):
            found = method_of(desk.design, cut(target, PART))
            st.badge(page.plain(found.title if found else OWN_MIX), color="gray")
    if desk.message:
        st.warning(page.plain(desk.message), icon=":material/warning:")
    if target.startswith("/stacks/"):
        _scope(db, desk, target)
    _body(db, desk, form, target)
    _foot(desk.design, target)


def _above(steps: tuple[Step, ...]) -> None:
    """The names above the selection, each a way back up."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center"):
        for index, step in enumerate(steps):
            st.button(
                step.name,
                key=f"up:{index}",
                icon=":material/chevron_right:" if index else None,
                type="tertiary",
                on_click=guarded(state.desk().select),
                args=(step.target,),
            )


def _foot(design: Design, target: str) -> None:
    """What the selection computes, in symbols and a sentence, and what it weighs."""
    formula, words = _rule(design, target)
    if formula:
        st.markdown(formula)
    if words:
        st.caption(words)
    if line := weight_line(design, target):
        st.caption(page.plain(held(line)))


def _rule(design: Design, target: str) -> tuple[str, str]:
    part = cut(target, PART)
    body = body_at(design, part) if part else None
    if body is None:
        return "", ""
    if target == part:
        return body_formula(body), sentence(body.kind, body if isinstance(body, Moe) else None)
    if not isinstance(body, Moe):
        return "", ""
    below = target.removeprefix(f"{part}/body/").split("/")
    if target.endswith("/router"):
        biased = any(balancer.steers for balancer in body.balance)
        rule = formula_of(body.router.model_dump(mode="json"), biased=biased)
        return rule, router_sentence(body, method_of(design, part))
    return "", sentence("combine" if below[-1] == "combine" else below[0], body)


def _scope(db: Database, desk: Desk, target: str) -> None:
    """Whether an edit concerns all turns of a repeat or one layer of it."""
    keys = target.split("/")
    if len(keys) < 5:
        return
    pointer = "/".join(keys[:5])
    stack, index = int(keys[2]), int(keys[4])
    repeat = desk.design.stacks[stack].layers[index]
    if repeat.times == 1 or target == pointer:
        return
    every = f"All {repeat.layers} layers" if len(repeat.pattern) == 1 else f"All {repeat.times} turns"
    choice = st.segmented_control(
        "Applies to",
        [every, "One layer" if len(repeat.pattern) == 1 else "One turn"],
        default=every,
        key=f"scope:{desk.design.sha}:{pointer}",
        label_visibility="collapsed",
        width="stretch",
    )
    if choice in (every, None):
        return
    first = 1 + sum(r.layers for r in desk.design.stacks[stack].layers[:index])
    turn = st.selectbox(
        "Which one",
        range(repeat.times),
        format_func=lambda t: f"Layer {first + t * len(repeat.pattern)}",
        help="It is taken out of the repeat and can then differ from the others.",
    )
    st.button("Take it out of the repeat", on_click=_isolate, args=(db, desk, pointer, turn), width="stretch")


@guarded
def _isolate(db: Database, desk: Desk, pointer: str, turn: int) -> None:
    """Split the repeat; the selection moves along to the layer that stands alone now."""
    holder, index = pointer.rsplit("/", 1)
    below = desk.selected.removeprefix(pointer)
    opened = [part.removeprefix(pointer) for part in desk.opened if part.startswith(f"{pointer}/")]
    if desk.edit(db, Isolate(path=pointer, turn=turn, label=f"Take layer {turn + 1} out of the repeat")):
        alone = f"{holder}/{int(index) + (1 if turn else 0)}"
        desk.opened |= {f"{alone}{part}" for part in opened}
        desk.select(f"{alone}{below}")


def _body(db: Database, desk: Desk, form: Form, target: str) -> None:
    content = get(form.value, target)
    if target == "":
        dial(db)
        form.at("", only=("width",))
        st.caption("Norm")
        form.at("/norm")
        st.caption("Embedding")
        form.at("/embedding")
        return
    if target == "/task/heads":
        form.at("/task", only=("heads",))
        return
    if not target.startswith("/stacks/"):
        form.at(target)
        return
    if "/parts/" not in target:
        _repeat(desk, form, target)
    elif isinstance(content, dict) and "body" in content:
        _part(db, desk, form, target, content)
    elif target.endswith("/router"):
        if moe_at(desk.design, target):
            method_box(db, cut(target, PART))
        _router(form, target)
    else:
        form.at(target)
    _actions(db, desk, target)


def _repeat(desk: Desk, form: Form, target: str) -> None:
    if target.count("/") == 4:
        form.at(target, only=("times",))
        layers = len(get(form.value, target)["pattern"])
        st.caption(f"A pattern of {plural(layers, 'layer')}, each turn with weights of its own.")
    else:
        st.caption("Choose a part in the drawing to change it.")


def _part(db: Database, desk: Desk, form: Form, target: str, content: dict[str, Any]) -> None:
    if content["body"]["kind"] == "moe":
        _moe(db, desk, form, target)
    else:
        form.at(f"{target}/body")
    if (below := page.folded("Place in the layer", f"place:{target}")).open:
        with below:
            form.at(target, only=PLACE)


def _moe(db: Database, desk: Desk, form: Form, target: str) -> None:
    """Counts and widths of the experts first: that is what people come for."""
    body = body_at(desk.design, target)
    assert isinstance(body, Moe)
    for where, name in (("experts", "Experts"), ("shared", "Shared experts")):
        groups = getattr(body, where)
        for g, group in enumerate(groups):
            path = f"{target}/body/{where}/{g}"
            count, width = name, "Hidden width"
            if len(groups) > 1:
                # Two fields side by side have room for this much.
                count, width = f"{name.split()[0]}, group {g + 1}", f"Width, group {g + 1}"
            left, right = st.columns(2, gap="small")
            form.field(f"{path}/count", label=count, into=left)
            if "hidden" in type(group).model_fields:
                form.field(f"{path}/hidden", label=width, into=right)
    with st.container(horizontal=True, gap="small"):
        for what in ("expert_group", "shared_expert"):
            st.button(
                f"{NAMES[what]}",
                icon=":material/add:",
                on_click=guarded(desk.add),
                args=(db, what),
                key=f"add:{what}",
            )
    router = f"{target}/body/router"
    select = get(form.value, f"{router}/select")
    if "k" in select and isinstance(select["k"], int):
        form.field(f"{router}/select/k", label="Experts per token")
    st.button(
        f"Router: {body.router.score_function}, {select_note(body.router)}",
        on_click=guarded(desk.select),
        args=(router,),
        width="stretch",
        key="to-router",
    )
    if (below := page.folded("Balancing", f"balance:{target}")).open:
        with below:
            form.at(f"{target}/body", only=("balance",))
    if (below := page.folded("Kind and more", f"kind:{target}")).open:
        with below:
            form.at(f"{target}/body", only=("kind", "shared_gate", "expert_scale", "islands"))


def _router(form: Form, target: str) -> None:
    """The usual choices two by two, the other axes behind a click."""
    content = get(form.value, target)
    left, right = st.columns(2, gap="small")
    form.field(f"{target}/score_function", into=left)
    form.kind(f"{target}/score", label="Score", into=right)
    left, right = st.columns(2, gap="small")
    form.kind(f"{target}/select", label="Select", into=left)
    if isinstance(content["select"].get("k"), int):
        form.field(f"{target}/select/k", into=right)
    form.usual(f"{target}/select", skip=("kind", "k"))
    left, right = st.columns(2, gap="small")
    form.kind(f"{target}/weigh", label="Weigh", into=left)
    form.field(f"{target}/weigh/scale", label="Route scale", into=right)
    form.usual(f"{target}/weigh", skip=("kind", "scale"))
    form.usual(f"{target}/score", skip=("kind",))
    form.usual(target, only=("capacity",))
    body = target.removesuffix("/router")
    if get(form.value, body).get("kind") == "moe":
        form.usual(body, only=("balance",))
    if (below := page.folded("More", f"more:{target}")).open:
        with below:
            form.more(target, only=("score", "select", "capacity"))
            form.usual(target, only=("scope", "condition", "modifiers", "uncertain", "combine", "input"))


def _actions(db: Database, desk: Desk, target: str) -> None:
    """Duplicate, move, remove what the selection stands for; none for a router, which stands alone."""
    entry = entry_at(target)
    if entry != target:
        return
    name = "layers" if "/parts/" not in target else "group" if "/experts/" in target else "part"
    with st.container(horizontal=True, gap="small"):
        for icon, what, by in (("arrow_upward", "Move up", -1), ("arrow_downward", "Move down", 1)):
            st.button(
                f":material/{icon}:",
                help=f"{what}",
                key=f"act:{what}",
                on_click=_act,
                args=(db, "move", target, by),
            )
        st.button(
            ":material/content_copy:",
            help="Duplicate",
            key="act:copy",
            on_click=_act,
            args=(db, "duplicate", target),
        )
        st.button(
            f":material/delete: Remove {name}",
            key="act:remove",
            on_click=guarded(desk.delete),
            args=(db, target),
        )


@guarded
def _act(db: Database, kind: Any, target: str, by: int = 0) -> None:
    desk = state.desk()
    desk.act(db, Op(kind, target=target, by=by), desk.acked)
