"""What the hand did in the drawing, as the browser reports it: checked before anyone acts on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from core.design.edit import EDIT, Edit

OpType = Literal[
    "select",
    "fold",
    "column",
    "edit",
    "undo",
    "redo",
    "add",
    "delete",
    "duplicate",
    "move",
    "put",
    "copy",
    "cut",
    "paste",
    "resize",
    "count",
    "repeat",
    "gather",
    "unroll",
    "method",
    "start",
    "open",
    "heat",
    "nothing",
]
#: More than a person does between two answers; a longer list is not from our page.
MOST = 1000
#: Characters of a pasted design; a longer one is cut one behind, so that the reader sees it is too long.
MOST_TEXT = 4_000_000


@dataclass(frozen=True)
class Op:
    """One act. `target` and `targets` are JSON pointers, `place` the pointer of the list entry that something
    is put before (its index may be the length of the list). Without any of them an act means the selection.

    | type | uses |
    |---|---|
    | select, fold | target; open |
    | column | width: pixels of the column that the browser chose; number: pixels of the drawing's height |
    | edit | edit, as data |
    | add | what, at place, else below target |
    | delete, duplicate, copy, cut | targets |
    | move | targets by one up or down: by |
    | put | targets to place |
    | paste | at place, else below target |
    | resize | target: expert group; number: expert in the layer; width: hidden units; alone: only this one |
    | count | target: expert group; by: experts more or fewer |
    | repeat | target: anything in a repeat; by: turns more or fewer |
    | gather | targets: layers that stand next to each other become one repeat |
    | unroll | target: anything in a repeat, whose turns then stand alone |
    | method | what: a routing method; target: the MoE layer or anything near it |
    | start | what: a preset to open as a new design |
    | open | text: JSON that was pasted or dropped |
    | heat | what: a quantity, empty for none |
    | nothing | what could not be read |
    """

    type: OpType
    target: str = ""
    targets: tuple[str, ...] = ()
    place: str = ""
    what: str = ""
    text: str = ""
    open: bool = False
    alone: bool = False
    width: int = 0
    number: int = 0
    by: int = 0
    edit: Edit | None = None


@dataclass(frozen=True)
class Acked:
    """The last act that was done, of which browser client."""

    client: str = ""
    seq: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the browser."""
        return {"client": self.client, "seq": self.seq}


def unseen(outbox: Any, acked: Acked) -> Iterator[tuple[Op, Acked]]:
    """The acts of `outbox` that were not done yet, each with the acknowledgement that follows it.

    Component state is replayed at every rerun, so a number is done once. What is malformed is acknowledged
    as nothing: the browser would send it again and keep later acts waiting.
    """
    if not isinstance(outbox, Mapping) or not isinstance(outbox.get("ops"), list):
        return
    client = str(outbox.get("client", ""))[:32]
    done = acked.seq if acked.client == client else 0
    for raw in outbox["ops"][:MOST]:
        seq = raw.get("seq") if isinstance(raw, Mapping) else None
        if not isinstance(seq, int) or seq <= done:
            continue
        done = seq
        yield _op(raw) or Op("nothing"), Acked(client, seq)


def _op(raw: Mapping[str, Any]) -> Op | None:
    kind = cast(OpType, raw.get("type"))
    if kind not in get_args(OpType):
        return None
    edit = None
    if kind == "edit":
        try:
            parsed = EDIT.parse(raw.get("edit"))
        except (ValidationError, PydanticCustomError):
            return None
        assert isinstance(parsed, Edit)
        edit = parsed
    values: dict[str, Any] = {
        name: raw[name] for name in ("width", "number", "by") if type(raw.get(name)) is int
    }
    caps = {"target": 400, "place": 400, "what": 400, "text": MOST_TEXT + 1}
    values |= {name: raw[name][:cap] for name, cap in caps.items() if isinstance(raw.get(name), str)}
    values |= {name: raw.get(name) is True for name in ("open", "alone")}
    listed = raw.get("targets")
    targets = [t[:400] for t in listed[:MOST] if isinstance(t, str)] if isinstance(listed, list) else []
    return Op(kind, edit=edit, targets=tuple(targets), **values)
