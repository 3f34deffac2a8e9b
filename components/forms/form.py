"""Widgets from the schema. Every change leaves as an edit; what the widgets show is always the design."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import streamlit as st

from components.forms.blank import blank
from components.forms.shapes import Node, Shape, at, resolved, shape
from components.forms.text import as_text, from_text, number_format, usual_step
from components.words import humanise
from core.design import schema
from core.design.edit import Edit, Insert, Remove, SetValue
from core.design.pointer import escape, get, steps

Emit = Callable[[Edit], None]
#: What of a value is drawn: what most people change, the rest, or both.
Show = Literal["usual", "more", "all"]
_PLAIN = ("integer", "number", "text", "enum", "flag")
NONE = "None"


@cache
def document() -> Node:
    """The schema of a design; written once a process."""
    return schema.document()


@dataclass
class Form:
    """Draws parts of `value` (the JSON of a design) into the page. `prefix` keeps widget keys apart."""

    value: Any
    emit: Emit
    prefix: str = "form"
    schema: Node = field(default_factory=document)

    @property
    def defs(self) -> dict[str, Node]:
        """Definitions that the schema refers to."""
        return self.schema["$defs"]

    def node(self, pointer: str) -> Node:
        """The schema at a pointer of the value."""
        return at(steps(pointer), self.value, {"$ref": self.schema["$ref"]}, self.defs)

    def at(self, pointer: str, *, only: Collection[str] = (), skip: Collection[str] = ()) -> None:
        """Everything at `pointer`; of an object's fields `only` these, or all but `skip`.

        What few people change, here or below, is gathered behind one click.
        """
        self.usual(pointer, only=only, skip=skip)
        if self._has_more(pointer, self.node(pointer), only=only, skip=skip):
            with st.expander("More", key=self._key(pointer, "more" + "".join(only))):
                self.more(pointer, only=only, skip=skip)

    def usual(self, pointer: str, *, only: Collection[str] = (), skip: Collection[str] = ()) -> None:
        """What most people change at `pointer`."""
        self._value(pointer, self.node(pointer), "usual", only=only, skip=skip)

    def more(self, pointer: str, *, only: Collection[str] = (), skip: Collection[str] = ()) -> None:
        """The rest, without a click: for a caller who hides it."""
        self._value(pointer, self.node(pointer), "more", only=only, skip=skip)

    def field(self, pointer: str, *, label: str = "", into: Any = st) -> None:
        """One plain value under a label of the caller's."""
        self._plain(pointer, shape(self.node(pointer), self.defs), into, label=label)

    def kind(self, pointer: str, *, label: str = "", into: Any = st) -> None:
        """The select box of a union, without the fields of what is chosen."""
        here = shape(self.node(pointer), self.defs)
        self._kind(pointer, here, get(self.value, pointer), label or humanise(here.node["title"]), into)

    # ---- shapes
    def _value(
        self,
        pointer: str,
        node: Node,
        show: Show,
        *,
        only: Collection[str] = (),
        skip: Collection[str] = (),
        label: str = "",
    ) -> None:
        here, current = shape(node, self.defs), get(self.value, pointer)
        if here.kind == "union":
            if show != "more" and ("kind" in only if only else "kind" not in skip):
                self._kind(pointer, here, current, label or humanise(here.node.get("title", "Kind")))
            if isinstance(current, dict):
                self._fields(pointer, resolved(here.kinds[current["kind"]], self.defs), show, only, skip)
        elif here.kind == "group":
            if show != "more" and here.optional:
                self._switch(pointer, here, current, label)
            if current is not None:
                self._fields(pointer, here.node, show, only, skip)
        elif here.kind == "list":
            self._list(pointer, here, current, show, label)
        elif here.kind == "either" and here.kinds:
            self._changing(pointer, here, current, show, label)
        elif here.kind != "const" and show != "more":
            self._plain(pointer, here, st, label=label)

    def _chosen(self, node: Node, only: Collection[str], skip: Collection[str]) -> dict[str, Shape]:
        """Fields of an object that are drawn, by name."""
        names = (n for n in node.get("properties", {}) if (n in only if only else n not in skip))
        shapes = {name: shape(node["properties"][name], self.defs) for name in names}
        return {name: here for name, here in shapes.items() if here.kind != "const"}

    def _fields(
        self, pointer: str, node: Node, show: Show, only: Collection[str] = (), skip: Collection[str] = ()
    ) -> None:
        """Plain fields two by two, then the others."""
        fields = self._chosen(node, only, skip)
        hidden = {name for name, here in fields.items() if here.node.get("advanced") and not only}
        own = {n for n in fields if show == "all" or (n in hidden) == (show == "more")}
        plain = [n for n in fields if n in own and _is_plain(fields[n], get(self.value, _join(pointer, n)))]
        self._pairs(pointer, plain, fields)
        for name in fields:
            child, entry = _join(pointer, name), node["properties"][name]
            inner: Show = "all" if name in hidden else show
            if name not in own and (show != "more" or not self._has_more(child, entry)):
                continue
            if name in plain and not (inner == "all" and fields[name].kinds):
                continue
            if fields[name].kind == "group" and not fields[name].optional:
                st.caption(humanise(name))
            self._value(child, entry, "more" if name in plain else inner, label=humanise(name))

    def _has_more(
        self, pointer: str, node: Node, *, only: Collection[str] = (), skip: Collection[str] = ()
    ) -> bool:
        """Whether something at or below `pointer` belongs behind the click."""
        here, current = shape(node, self.defs), get(self.value, pointer)
        if here.kind == "either":
            return bool(here.kinds) and not isinstance(current, dict)
        if here.kind == "list" and here.item is not None:
            item = resolved(here.node, self.defs)["items"]
            return any(self._has_more(f"{pointer}/{i}", item) for i in range(len(current)))
        if not isinstance(current, dict) or here.kind not in ("union", "group"):
            return False
        inner = resolved(here.kinds[current["kind"]], self.defs) if here.kind == "union" else here.node
        fields = self._chosen(inner, only, skip)
        if not only and any(field.node.get("advanced") for field in fields.values()):
            return True
        return any(self._has_more(_join(pointer, name), inner["properties"][name]) for name in fields)

    def _pairs(self, pointer: str, names: list[str], shapes: dict[str, Shape]) -> None:
        flags = [name for name in names if shapes[name].kind == "flag"]
        others = [name for name in names if name not in flags]
        for i in range(0, len(others), 2):
            columns = st.columns(2, gap="small", vertical_alignment="bottom")
            for name, column in zip(others[i : i + 2], columns, strict=False):
                self._plain(_join(pointer, name), shapes[name], column, label=humanise(name))
        for name in flags:
            self._plain(_join(pointer, name), shapes[name], st, label=humanise(name))

    # ---- unions, lists, optional objects
    def _kind(self, pointer: str, here: Shape, current: Any, label: str, into: Any = st) -> None:
        kinds: list[str] = ([NONE] if here.optional else []) + sorted(here.kinds, key=humanise)
        chosen = current["kind"] if isinstance(current, dict) else NONE

        def write(kind: str) -> Any:
            return None if kind == NONE else blank(here.kinds[kind], self.defs, current)

        about = resolved(here.kinds[chosen], self.defs).get("description", "") if chosen in here.kinds else ""
        self._widget(pointer, label, kinds, chosen, write, into=into, help_text=_help(about))

    def _switch(self, pointer: str, here: Shape, current: Any, label: str) -> None:
        """A toggle for an object that may be left out."""
        key = self._key(pointer, "on")
        st.session_state[key] = current is not None

        def changed() -> None:
            on = st.session_state[key]
            value = blank(here.node, self.defs) if on else None
            self.emit(SetValue(path=pointer, value=value, label=f"{label} {'on' if on else 'off'}"))

        st.toggle(label, key=key, on_change=changed, help=_help(here.node.get("description", "")))

    def _list(self, pointer: str, here: Shape, current: list[Any], show: Show, label: str) -> None:
        assert here.item is not None
        item = resolved(here.node, self.defs)["items"]
        for i, entry in enumerate(current):
            path = f"{pointer}/{i}"
            name = f"{label} {i + 1}" if len(current) > 1 else label
            if show != "more":
                left, right = st.columns([5, 1], gap="small", vertical_alignment="bottom")
                if here.item.kind == "union":
                    self._kind(path, here.item, entry, name, left)
                else:
                    left.markdown(f"**{name}**")
                self._remove(right, path, name, disabled=len(current) <= here.node.get("minItems", 0))
            kind = here.item.kinds[entry["kind"]] if here.item.kind == "union" else item
            self._fields(path, resolved(kind, self.defs), show)
        if show != "more" and len(current) < here.node.get("maxItems", 1_000):
            self._adder(pointer, here.item, item, label)

    def _remove(self, into: Any, path: str, name: str, *, disabled: bool) -> None:
        into.button(
            ":material/close:",
            key=self._key(path, "remove"),
            type="tertiary",
            disabled=disabled,
            help=f"Remove {name.lower()}",
            on_click=self.emit,
            args=(Remove(path=path, label=f"Remove {name.lower()}"),),
        )

    def _adder(self, pointer: str, item: Shape, node: Node, label: str) -> None:
        key = self._key(pointer, "add")
        if item.kind != "union":
            edit = Insert(path=pointer, value=blank(node, self.defs), label=f"Add {label.lower()}")
            st.button(
                f"Add to {label.lower()}", key=key, icon=":material/add:", on_click=self.emit, args=(edit,)
            )
            return
        st.session_state[key] = None

        def added() -> None:
            kind = st.session_state[key]
            if kind is not None:
                value = blank(item.kinds[kind], self.defs)
                self.emit(Insert(path=pointer, value=value, label=f"Add {humanise(kind).lower()}"))

        st.selectbox(
            f"Add {humanise(item.node.get('title', label)).lower()}",
            sorted(item.kinds, key=humanise),
            index=None,
            format_func=humanise,
            key=key,
            on_change=added,
            placeholder=f"Add: {label.lower()}",
            label_visibility="collapsed",
        )

    def _changing(self, pointer: str, here: Shape, current: Any, show: Show, label: str) -> None:
        """A number, constant or with a schedule over training."""
        if isinstance(current, dict) or show == "more":
            self._schedule(pointer, here, current, label)
        else:
            self._plain(pointer, here, st, label=label)

    def _schedule(self, pointer: str, here: Shape, current: Any, label: str) -> None:
        """The kind of a schedule and its ends; constant is a plain number again."""
        constant, old = (
            "constant",
            current if isinstance(current, dict) else {"start": current, "end": current},
        )

        def write(kind: str) -> Any:
            if kind != constant:
                return blank(here.kinds[kind], self.defs, old)
            first = old.get("start", (old.get("values") or [1])[0])
            return int(first) if here.scalar and here.scalar.kind == "integer" else first

        chosen = old.get("kind", constant)
        self._widget(pointer, f"{label} over training", [constant, *sorted(here.kinds)], chosen, write)
        if isinstance(current, dict):
            self._fields(pointer, resolved(here.kinds[chosen], self.defs), "all")

    # ---- plain values
    def _plain(self, pointer: str, here: Shape, into: Any, *, label: str = "") -> None:
        label = label or humanise(steps(pointer)[-1])
        current, key, told = get(self.value, pointer), self._key(pointer), _told(here)
        if here.kind in ("integer", "number"):
            self._number(pointer, here, into, label, current)
        elif here.kind == "either":
            self._either(pointer, here, into, label, current)
        elif here.kind == "enum":
            self._widget(pointer, label, list(here.options), current, lambda v: v, into=into, help_text=told)
        elif here.kind == "flag":
            st.session_state[key] = bool(current)
            into.toggle(label, key=key, help=told, on_change=self._send, args=(pointer, label, current))
        elif here.kind == "text":
            st.session_state[key] = current or ""
            into.text_input(
                label,
                key=key,
                help=told,
                max_chars=here.node.get("maxLength"),
                on_change=self._send,
                args=(pointer, label, current, (lambda v: v or None) if here.optional else None),
            )
        elif here.kind in ("numbers", "texts", "table"):
            self._many(pointer, here, into, label, current)

    def _number(self, pointer: str, here: Shape, into: Any, label: str, current: Any) -> None:
        key, node, whole = self._key(pointer), here.node, here.kind == "integer"
        kind: Callable[[Any], Any] = int if whole else float
        st.session_state[key] = None if current is None else kind(current)
        limits = {
            name: kind(node[limit])
            for name, limit in (("min_value", "minimum"), ("max_value", "maximum"))
            if limit in node
        }
        step = node.get("step") or (1 if whole else usual_step(current))
        into.number_input(
            label,
            key=key,
            # What an emptied field falls back to: by itself it would become the smallest number.
            value=None if here.optional else kind(current),
            step=kind(step),
            format=None if whole else number_format(current, step),
            placeholder=node.get("unit", "empty") if here.optional else None,
            help=_told(here),
            on_change=self._send,
            args=(pointer, label, current),
            **limits,
        )

    def _either(self, pointer: str, here: Shape, into: Any, label: str, current: Any) -> None:
        """A plain number that may become a schedule, or one of some words or a number."""
        assert here.scalar is not None
        if here.kinds:
            self._number(pointer, here.scalar, into, label, current)
            return
        words = [*here.options, *range(int(steps(pointer)[-2]) if steps(pointer)[-2].isdecimal() else 0)]
        options = words if current in words else [*words, current]
        self._widget(pointer, label, options, current, lambda v: v, into=into, help_text=_told(here))

    def _many(self, pointer: str, here: Shape, into: Any, label: str, current: Any) -> None:
        """Short lists and tables as text: `1, 2, 3`, or a line `name: 1, 2` for each entry."""
        key = self._key(pointer)
        st.session_state[key] = as_text(current)

        def changed() -> None:
            value = from_text(st.session_state[key], here)
            self.emit(SetValue(path=pointer, value=value, label=f"{label}: {as_text(value)[:60]}"))

        element = into.text_area if here.kind == "table" else into.text_input
        element(label, key=key, help=_told(here), on_change=changed)

    def _widget(
        self,
        pointer: str,
        label: str,
        options: list[Any],
        current: Any,
        write: Callable[[Any], Any],
        *,
        into: Any = st,
        help_text: str | None = None,
    ) -> None:
        """A select box that writes `write(choice)` at `pointer`."""
        key = self._key(pointer, "kind")
        st.session_state[key] = current

        def changed() -> None:
            choice = st.session_state[key]
            text = f"{label}: {_said(choice)}"
            self.emit(SetValue(path=pointer, value=write(choice), label=text))

        into.selectbox(label, options, key=key, format_func=_said, on_change=changed, help=help_text)

    def _send(self, pointer: str, label: str, old: Any, convert: Callable[[Any], Any] | None = None) -> None:
        value = st.session_state[self._key(pointer)]
        value = convert(value) if convert else value
        self.emit(SetValue(path=pointer, value=value, label=f"{label} {_said(old)} → {_said(value)}"))

    def _key(self, pointer: str, role: str = "") -> str:
        return f"{self.prefix}:{pointer}:{role}" if role else f"{self.prefix}:{pointer}"


def _join(pointer: str, name: str) -> str:
    return f"{pointer}/{escape(name)}"


def _is_plain(here: Shape, current: Any) -> bool:
    """Whether a value takes one widget of half the width."""
    if here.kind == "either":
        return not isinstance(current, dict)
    return here.kind in _PLAIN


def _said(value: Any) -> str:
    """A value as a label names it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return humanise(value)
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _told(here: Shape) -> str | None:
    """Help of a plain value: what it counts, its symbol, its description."""
    node = here.node
    unit, symbol, about = node.get("unit", ""), node.get("symbol", ""), node.get("description", "")
    words = [f"${symbol}$" if symbol else "", unit, about.split("\n\n")[0] if about else ""]
    return ", ".join(word for word in words if word) or None


def _help(text: str) -> str | None:
    """A docstring as help: its markup is ours, its line breaks are the editor's."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text).strip() or None
