"""Problems, and the site a rule looks around from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from core.design.edit import EDIT, Edit, Merge, Remove, SetValue
from core.design.plain import Plain
from core.design.pointer import escape

Severity = Literal["error", "warning"]


class Problem(Plain):
    """What is wrong, where, and what mends it.

    `stage` is the first stage it stands in the way of: design, cost, train or export:<target>.
    Where the same holds of several places, `path` is the first and `also` are the others. Each entry of
    `edits` alone removes the problem from all of them and adds no error; none is given if the data or the
    plan is the cause.
    """

    code: str
    path: str = ""
    also: tuple[str, ...] = ()
    severity: Severity = "error"
    stage: str = "design"
    message: str
    fix: str = ""
    edits: tuple[Annotated[Edit, EDIT], ...] = ()

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()

    @property
    def places(self) -> tuple[str, ...]:
        """Pointers of everything that it concerns."""
        return (self.path, *self.also)

    def apart(self) -> Iterator[Problem]:
        """The problem once for each of its places, to be shown there."""
        for place in self.places:
            yield self if place == self.path else self.model_copy(update={"path": place})


@dataclass(frozen=True)
class Site:
    """Where a rule stands: the design around it, the stage, and how to word a problem or an edit here.

    What stands around is untyped here, because the whole vocabulary stands on this file: `design` is a
    Design, `plan` a Plan, `data` a DataFacts, `stack`, `part` and `moe` what encloses the spec, or None.
    """

    design: Any
    stage: str
    path: str = ""
    plan: Any = None
    data: Any = None
    stack: Any = None
    part: Any = None
    moe: Any = None

    def at(self, *keys: str | int, **around: Any) -> Site:
        """The site of a child, with what it stands in."""
        return replace(self, path=self.path + "".join(f"/{escape(k)}" for k in keys), **around)

    def goto(self, path: str) -> Site:
        """The same surroundings, another path."""
        return replace(self, path=path)

    def up(self, levels: int = 1) -> Site:
        """The site of what this stands in."""
        return self.goto(self.path.rsplit("/", levels)[0])

    @property
    def causal(self) -> bool:
        """Whether looking at later tokens would leak the answer here."""
        return bool(self.stack.causal if self.stack else self.design.task.causal_loss)

    def pointer(self, at: str = "") -> str:
        """This path, or a field below it."""
        return f"{self.path}/{at}" if at else self.path

    def error(
        self,
        code: str,
        message: str,
        fix: str = "",
        *,
        edits: tuple[Edit, ...] = (),
        at: str = "",
        stage: str = "design",
    ) -> Problem:
        """A problem that stands in the way of `stage`."""
        return Problem(code=code, path=self.pointer(at), stage=stage, message=message, fix=fix, edits=edits)

    def warning(
        self,
        code: str,
        message: str,
        fix: str = "",
        *,
        edits: tuple[Edit, ...] = (),
        at: str = "",
        stage: str = "design",
    ) -> Problem:
        """Something to know that stops nothing."""
        return Problem(
            code=code,
            path=self.pointer(at),
            stage=stage,
            severity="warning",
            message=message,
            fix=fix,
            edits=edits,
        )

    def not_built(self, what: str, instead: str, edit: Edit, at: str = "") -> Problem:
        """Valid, drawn and costed, but the studio cannot train it yet."""
        return self.error(
            "not-built",
            f"{what} can be drawn and costed here, but not trained yet.",
            f"To fix this, {instead}.",
            edits=(edit,),
            at=at,
            stage="train",
        )

    def set(self, at: str, value: Any, *, label: str) -> Edit:
        """An edit that writes a field below this site."""
        return SetValue(path=self.pointer(at), value=plain(value), label=label)

    def merge(self, values: dict[str, Any], *, label: str, at: str = "") -> Edit:
        """An edit that writes several fields below this site."""
        return Merge(path=self.pointer(at), values={k: plain(v) for k, v in values.items()}, label=label)

    def remove(self, at: str = "", *, label: str) -> Edit:
        """An edit that removes what stands at or below this site."""
        return Remove(path=self.pointer(at), label=label)

    def unique_heads(self, heads: Sequence[Any]) -> Iterator[Problem]:
        """Heads answer by name, so a name may stand once."""
        seen: set[str] = set()
        for i, head in enumerate(heads):
            if head.name in seen:
                taken = seen | {h.name for h in heads}
                free = next(
                    f"{head.name[:58]} {n}" for n in range(2, 200) if f"{head.name[:58]} {n}" not in taken
                )
                here = self.at("heads", i)
                yield here.error(
                    "head-name",
                    f"Two heads are named {head.name!r}, so their answers could not be told apart.",
                    f"To fix this, name one {free!r}.",
                    edits=(here.set("name", free, label=f"Rename to {free}"),),
                    at="name",
                )
            seen.add(head.name)


def plain(value: Any) -> Any:
    """Specs as JSON values; everything else as it is."""
    if isinstance(value, Plain):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value
