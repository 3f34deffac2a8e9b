"""Frozen data and open unions: what edits, problems and the vocabulary are made of.

A `Plain` is immutable JSON-like data. A `Choice` is a discriminated union that stays open: a new value is one
class in one file, registered under its `kind`, and parsing, JSON Schema, forms and checks follow.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar, get_args

from annotated_types import Le, MaxLen
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

P = TypeVar("P", bound="type[Plain]")


class Plain(BaseModel):
    """Immutable data. Numbers are finite, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=False)


class Choice:
    """An open union of values told apart by `kind`.

    Use as `field: Annotated[Base, CHOICE]`. Members register with `@CHOICE.register`, at any time before
    the value is parsed. Errors carry no union tag, so a validation location maps straight to a JSON pointer.
    """

    #: Every union of the vocabulary by name.
    known: ClassVar[dict[str, Choice]] = {}
    #: How often a value joined or left any of them: what was read before may be read otherwise now.
    changes: ClassVar[int] = 0

    def __init__(self, name: str, noun: str = "") -> None:
        self.name = name
        self.noun = noun or name
        Choice.known[name] = self
        self.members: dict[str, type[Plain]] = {}

    def register(self, cls: P) -> P:
        spec: type[Plain] = cls
        (name,) = get_args(spec.model_fields["kind"].annotation)
        if name in self.members and self.members[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"{self.name} already has a value named {name!r}: {self.members[name]}")
        self.members[name] = cls
        Choice.changes += 1
        return cls

    def unregister(self, kind: str) -> None:
        """Remove a value again; for tests that add one."""
        del self.members[kind]
        Choice.changes += 1

    def parse(self, value: Any) -> Plain:
        """Validate `value` into the member its `kind` names."""
        if isinstance(value, Plain) and type(value) in self.members.values():
            return value
        if isinstance(value, BaseModel):
            value = value.model_dump()
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "choice_type",
                "{name} is an object with a kind, not {got}",
                {"name": self.name, "got": repr(value)[:40]},
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


def most(spec: type[BaseModel], name: str) -> int:
    """The most that a field takes: its largest number, or how many entries its list holds."""
    for limit in spec.model_fields[name].metadata:
        if isinstance(limit, Le | MaxLen):
            bound: Any = limit.le if isinstance(limit, Le) else limit.max_length
            return int(bound)
    raise LookupError(f"{spec.__name__}.{name} has no upper limit")
