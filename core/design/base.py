"""The ground of the vocabulary: frozen specs, open unions, fields with units.

A `Spec` is immutable plain data. A `Choice` is a discriminated union that stays open: a new value is one
class in one file, registered under its `kind`, and parsing, JSON Schema, forms and checks follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

if TYPE_CHECKING:
    from core.design.edit import Edit
    from core.design.problems import Problem, Site

S = TypeVar("S", bound="type[Spec]")


class Spec(BaseModel):
    """One immutable piece of a design. Numbers are finite, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False)

    #: False while the studio can draw, cost and save this value but not train it.
    trainable: ClassVar[bool] = True

    def rules(self, site: Site) -> Iterator[Problem]:
        """Problems of this piece where it stands; none by default."""
        yield from ()

    def instead(self, site: Site) -> Edit:
        """What to put here while this value cannot be trained: its removal, unless an axis knows better."""
        return site.remove(label="Leave it out")

    @classmethod
    def called(cls) -> str:
        """What a user calls this value: "The score 'cosine'", or the name of its class."""
        for choice in Choice.known.values():
            for kind, member in choice.members.items():
                if member is cls:
                    return f"The {choice.noun} {kind.replace('_', ' ')!r}"
        return f"The {cls.__name__.lower()}"


class Choice:
    """An open union of specs told apart by `kind`.

    Use as `field: Annotated[Base, CHOICE]`. Members register with `@CHOICE.register`, at any time before
    the value is parsed. Errors carry no union tag, so a validation location maps straight to a JSON pointer.
    """

    #: Every union of the vocabulary by name.
    known: ClassVar[dict[str, Choice]] = {}

    def __init__(self, name: str, noun: str = "") -> None:
        self.name = name
        self.noun = noun or name
        Choice.known[name] = self
        self.members: dict[str, type[Spec]] = {}

    def register(self, cls: S) -> S:
        spec: type[Spec] = cls
        (name,) = get_args(spec.model_fields["kind"].annotation)
        if name in self.members and self.members[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"{self.name} already has a value named {name!r}: {self.members[name]}")
        self.members[name] = cls
        return cls

    def unregister(self, kind: str) -> None:
        """Remove a value again; for tests that add one."""
        del self.members[kind]

    def parse(self, value: Any) -> Spec:
        """Validate `value` into the member its `kind` names."""
        if isinstance(value, Spec) and type(value) in self.members.values():
            return value
        if isinstance(value, BaseModel):
            value = value.model_dump()
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "choice_type",
                "{name} is an object with a kind, not {got}",
                {"name": self.name, "got": str(value)[:40]},
            )
        kind = value.get("kind")
        member = self.members.get(kind) if isinstance(kind, str) else None
        if member is None:
            known = ", ".join(sorted(self.members))
            near = get_close_matches(str(kind), self.members, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise PydanticCustomError(
                "choice_kind",
                "Unknown {name} {kind}.{hint} Known: {known}.",
                {"name": self.name, "kind": repr(kind)[:60], "hint": hint, "known": known},
            )
        return member.model_validate(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # A placeholder: members may join later, so `schema.document` writes the oneOf when it is asked for.
        return {"title": self.name, "x-choice": self.name}


def field(
    default: Any = ...,
    *,
    unit: str = "",
    step: float | None = None,
    advanced: bool = False,
    symbol: str = "",
    form: str = "",
    **limits: Any,
) -> Any:
    """A pydantic field with what a form needs to draw it: unit, step, symbol (LaTeX), advanced."""
    extra = {"unit": unit, "step": step, "advanced": advanced or None, "symbol": symbol, "form": form}
    return Field(default, json_schema_extra={k: v for k, v in extra.items() if v not in ("", None)}, **limits)


Role = Literal["embedding", "head", "mixer", "norm", "dense", "router", "expert", "shared"]


@dataclass(frozen=True, slots=True)
class Weight:
    """One parameter tensor of a part.

    `copies` stacks equal tensors (the experts of a group). `gemm` says that a token which meets the tensor
    is multiplied with it: 2 FLOPs for each number.
    """

    name: str
    shape: tuple[int, ...]
    role: Role
    copies: int = 1
    gemm: bool = True

    @property
    def each(self) -> int:
        """Numbers in one copy."""
        total = 1
        for n in self.shape:
            total *= n
        return total

    @property
    def size(self) -> int:
        """Numbers in all copies."""
        return self.each * self.copies
