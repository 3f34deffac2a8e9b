"""What the hand did in the drawing, as the browser reports it: checked before anyone acts on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from core.design.edit import EDIT, Edit

OpType = Literal["select", "fold", "column", "edit", "add", "delete", "duplicate", "move", "undo", "redo"]
#: More than a person does between two answers; a longer list is not from our page.
MOST = 1000


@dataclass(frozen=True)
class Op:
    """One act. `target` is a JSON pointer, `what` the name of a part to add, `by` a direction."""

    type: OpType
    target: str = ""
    what: str = ""
    open: bool = False
    width: int = 0
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

    Component state is replayed at every rerun, so a number is done once. What is malformed is passed over.
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
        op = _op(raw)
        if op is not None:
            yield op, Acked(client, seq)


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
    number = {name: raw[name] for name in ("width", "by") if isinstance(raw.get(name), int)}
    text = {name: raw[name][:400] for name in ("target", "what") if isinstance(raw.get(name), str)}
    return Op(kind, open=raw.get("open") is True, edit=edit, **number, **text)
