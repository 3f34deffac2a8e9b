"""Widgets from the schema. Every change leaves as an edit; what the widgets show is always the design."""

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.forms.blank import blank
from components.forms.shapes import Node, Shape, at, resolved, shape
from components.words import humanise
from core.design import schema
from core.design.edit import Edit, Insert, Remove, SetValue
from core.design.pointer import escape, get, steps

Emit = Callable[[Edit], None]
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
        """Everything at `pointer`; of an object's fields `only` these, or all but `skip`."""
        self._value(pointer, self.node(pointer), only=only, skip=skip)

    def field(self, pointer: str, *, label: str = "", into: DeltaGenerator | None = None) -> None:
        """One plain value under a label of the caller's."""
        self._plain(pointer, shape(self.node(pointer), self.defs), into or st, label=label)

    # ---- shapes
    def _value(
        self,
        pointer: str,
        node: Node,
        *,
        only: Collection[str] = (),
        skip: Collection[str] = (),
        label: str = "",
        deep: bool = False,
    ) -> None:
        here = shape(node, self.defs)
        current = get(self.value, pointer)
        if here.kind == "union":
            self._union(pointer, here, current, only=only, skip=skip, label=label, deep=deep)
        elif here.kind == "group":
            if here.optional and not self._present(pointer, here, current, label):
                return
            self._fields(pointer, here.node, only=only, skip=skip, deep=deep)
        elif here.kind == "list":
            self._list(pointer, here, current, label, deep)
        elif here.kind == "either" and here.kinds and isinstance(current, dict):
            self._schedule(pointer, here, current, label)
        elif here.kind != "const":
            self._plain(pointer, here, st, label=label)

    def _fields(
        self,
        pointer: str,
        node: Node,
        *,
        only: Collection[str] = (),
        skip: Collection[str] = (),
        deep: bool = False,
    ) -> None:
        """Plain fields two by two, then the others, then what few people change, behind a click."""
        named = {
            n: f for n, f in node.get("properties", {}).items() if (n in only if only else n not in skip)
        }
        shapes = {name: shape(entry, self.defs) for name, entry in named.items()}
        shown = {name: s for name, s in shapes.items() if s.kind != "const"}
        advanced = [name for name, s in shown.items() if s.node.get("advanced") and not only]
        usual = [name for name in shown if name not in advanced]
        self._pairs(
            pointer, [n for n in usual if _is_plain(shown[n], get(self.value, _join(pointer, n)))], shown
        )
        for name in usual:
            if not _is_plain(shown[name], get(self.value, _join(pointer, name))):
                self._nested(pointer, name, named[name], deep)
        if advanced:
            if deep:
                self._rest(pointer, advanced, named, shown)
            else:
                with st.expander("More", key=self._key(pointer, "more")):
                    self._rest(pointer, advanced, named, shown)

    def _rest(self, pointer: str, names: list[str], named: dict[str, Node], shown: dict[str, Shape]) -> None:
        self._pairs(
            pointer, [n for n in names if _is_plain(shown[n], get(self.value, _join(pointer, n)))], shown
        )
        for name in names:
            if not _is_plain(shown[name], get(self.value, _join(pointer, name))):
                self._nested(pointer, name, named[name], True)

    def _nested(self, pointer: str, name: str, node: Node, deep: bool) -> None:
        here = shape(node, self.defs)
        if here.kind == "group" and not here.optional:
            if deep:
                st.caption(humanise(name))
                self._value(_join(pointer, name), node, label=humanise(name), deep=True)
            else:
                with st.expander(humanise(name), key=self._key(_join(pointer, name), "group")):
                    self._value(_join(pointer, name), node, label=humanise(name), deep=True)
        else:
            self._value(_join(pointer, name), node, label=humanise(name), deep=deep)

    def _pairs(self, pointer: str, names: list[str], shapes: dict[str, Shape]) -> None:
        flags = [name for name in names if shapes[name].kind == "flag"]
        others = [name for name in names if name not in flags]
        for i in range(0, len(others), 2):
            columns = st.columns(2, gap="small", vertical_alignment="bottom")
            for name, column in zip(others[i : i + 2], columns, strict=False):
                self._plain(_join(pointer, name), shapes[name], column, label=humanise(name))
        for name in flags:
            self._plain(_join(pointer, name), shapes[name], st, label=humanise(name))

    # ---- unions, lists, optional groups
    def _union(
        self,
        pointer: str,
        here: Shape,
        current: Any,
        *,
        only: Collection[str],
        skip: Collection[str],
        label: str,
        deep: bool,
    ) -> None:
        kinds: list[str] = ([NONE] if here.optional else []) + sorted(here.kinds, key=humanise)
        chosen = current["kind"] if isinstance(current, dict) else NONE
        if "kind" not in skip:
            name = label or humanise(here.node.get("title", "Kind"))

            def write(kind: str) -> Any:
                return None if kind == NONE else blank(here.kinds[kind], self.defs, current)

            about = (
                resolved(here.kinds[chosen], self.defs).get("description", "") if chosen in here.kinds else ""
            )
            self._widget(pointer, name, kinds, chosen, write, help_text=_help(about))
        if isinstance(current, dict):
            self._fields(pointer, resolved(here.kinds[chosen], self.defs), only=only, skip=skip, deep=deep)

    def _present(self, pointer: str, here: Shape, current: Any, label: str) -> bool:
        """A switch for an object that may be left out."""
        key = self._key(pointer, "on")
        st.session_state[key] = current is not None

        def changed() -> None:
            on = st.session_state[key]
            value = blank(here.node, self.defs) if on else None
            self.emit(SetValue(path=pointer, value=value, label=f"{label} {'on' if on else 'off'}"))

        st.toggle(label, key=key, on_change=changed, help=_help(here.node.get("description", "")))
        return current is not None

    def _list(self, pointer: str, here: Shape, current: list[Any], label: str, deep: bool) -> None:
        assert here.item is not None
        item = resolved(here.node, self.defs)["items"]
        for i, entry in enumerate(current):
            path = f"{pointer}/{i}"
            name = f"{label} {i + 1}" if len(current) > 1 else label
            left, right = st.columns([5, 1], gap="small", vertical_alignment="bottom")
            with left:
                if here.item.kind == "union":
                    self._kind_of(path, here.item, entry, name)
                else:
                    st.markdown(f"**{name}**")
            least = len(current) <= here.node.get("minItems", 0)
            self._remove(right, path, name, least)
            node = here.item.kinds[entry["kind"]] if here.item.kind == "union" else item
            self._fields(path, resolved(node, self.defs), deep=True)
        if len(current) < here.node.get("maxItems", 1_000):
            self._adder(pointer, here.item, item, label)

    def _remove(self, into: DeltaGenerator, path: str, name: str, disabled: bool) -> None:
        into.button(
            ":material/close:",
            key=self._key(path, "remove"),
            type="tertiary",
            disabled=disabled,
            help=f"Remove {name.lower()}",
            on_click=self.emit,
            args=(Remove(path=path, label=f"Remove {name.lower()}"),),
        )

    def _kind_of(self, path: str, item: Shape, entry: Any, label: str) -> None:
        about = resolved(item.kinds[entry["kind"]], self.defs).get("description", "")
        self._widget(
            path,
            label,
            sorted(item.kinds, key=humanise),
            entry["kind"],
            lambda kind: blank(item.kinds[kind], self.defs, entry),
            help_text=_help(about),
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

    def _schedule(self, pointer: str, here: Shape, current: dict[str, Any], label: str) -> None:
        """A number that changes over training: its kind, or constant again."""
        constant = "constant"

        def write(kind: str) -> Any:
            if kind != constant:
                return blank(here.kinds[kind], self.defs, current)
            first = current.get("start", (current.get("values") or [1])[0])
            return int(first) if here.scalar and here.scalar.kind == "integer" else first

        self._widget(
            pointer, f"{label} over training", [constant, *sorted(here.kinds)], current["kind"], write
        )
        self._fields(pointer, resolved(here.kinds[current["kind"]], self.defs), deep=True)

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
        step = node.get("step") or (1 if whole else _step(current))
        into.number_input(
            label,
            key=key,
            value=None if here.optional else "min",
            step=kind(step),
            format=None if whole else _format(current, step),
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
        st.session_state[key] = _as_text(current)

        def changed() -> None:
            value = _from_text(st.session_state[key], here)
            self.emit(SetValue(path=pointer, value=value, label=f"{label}: {_as_text(value)[:60]}"))

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


def _step(current: Any) -> float:
    if not current:
        return 0.01
    return float(10.0 ** (math.floor(math.log10(abs(current))) - (0 if abs(current) < 1 else 1)))


def _format(current: Any, step: float) -> str:
    """As many decimals as the value and the step have."""
    places = max(_places(current or 0.0), _places(step))
    return f"%.{min(places, 12)}f"


def _places(number: float) -> int:
    text = f"{number:.12f}".rstrip("0")
    return len(text.split(".")[1])


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_as_text(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_as_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _from_text(text: str, here: Shape) -> Any:
    """The reverse; what is no number stays text, and the design says what is wrong with it."""
    if here.kind == "table":
        pairs = (line.partition(":") for line in text.splitlines() if line.strip())
        rows = {name.strip(): _numbers(rest) for name, _, rest in pairs}
        many = here.item is not None and here.item.kind == "numbers"
        return rows if many else {name: (row[0] if row else 0) for name, row in rows.items()}
    return (
        _numbers(text)
        if here.kind == "numbers"
        else [word.strip() for word in text.split(",") if word.strip()]
    )


def _numbers(text: str) -> list[Any]:
    return [_number(word.strip()) for word in text.split(",") if word.strip()]


def _number(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
