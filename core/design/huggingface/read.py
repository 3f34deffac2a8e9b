"""`config.json` of a known family as a design. It is untrusted; what is not understood is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from core.design.edits import parse
from core.design.huggingface import words as w
from core.design.huggingface.config import Config, ConfigError, printable
from core.design.huggingface.family import Family
from core.design.huggingface.ignored import IGNORED
from core.design.huggingface.registry import FAMILIES, PRESET_ONLY, REFUSED
from core.design.problems import Problem
from core.design.spec import Design

MOST_KEYS = 2000
_SHOWN = 60
_FEW = 6

#: Where a composite model keeps its text model, and what of the outside counts for the inside too.
_INSIDE = ("text_config", "llm_config", "language_config", "thinker_config")
_TIE = "tie_word_embeddings"
_OUTER = (_TIE, "quantization_config", "architectures", "_name_or_path")
_PARTS = re.compile(r"(vision|audio|image|video|mm|multi_?modal|speech|talker|code2wav|projector)", re.I)


@dataclass(frozen=True)
class Imported:
    """A design, the family it was read as, keys that nobody understood, and what to know about the import."""

    design: Design
    family: str
    unknown: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def told(self) -> tuple[str, ...]:
        """What to say about the import: as what, which keys were kept aside, then the notes."""
        said = f"Imported as {self.family}."
        if self.unknown:
            n = len(self.unknown)
            keys = "1 key is not understood and was" if n == 1 else f"{n} keys are not understood and were"
            said += f" {keys} kept aside: {_listed(self.unknown)}."
        return said, *self.notes


def looks_like(document: Any) -> bool:
    """Whether a JSON document is a Hugging Face config rather than a design."""
    signs = ("model_type", "architectures", "hidden_size", "d_model", *_INSIDE)
    return isinstance(document, dict) and "stacks" not in document and any(key in document for key in signs)


def read(config: Any) -> Imported | Problem:
    """The text model of a parsed `config.json` as a design, or why it cannot be one."""
    try:
        return _read(config)
    except ConfigError as error:
        return Problem(code="not-a-config", path=f"/{error.key}", message=error.message, fix=error.fix)


def _read(config: Any) -> Imported | Problem:
    if (
        not isinstance(config, dict)
        or len(config) > MOST_KEYS
        or not all(isinstance(key, str) for key in config)
    ):
        raise ConfigError(
            "",
            f"A config.json is one object of at most {MOST_KEYS} named values, and this is none.",
            "To fix this, give the file as the model's page has it.",
        )
    text = _text_of(config)
    values, notes = text.values, text.notes
    family = _family(values, config, notes)
    if text.own is not None:
        values = {**values, _TIE: family.tied(text.own.get(_TIE), config.get(_TIE))}
    c = Config(values, notes=notes)
    document = family.write(c)
    if c.has("quantization_config"):
        c.note("The weights are stored quantised; choose their format when you cost the design.")
    design = parse({"name": _name(values, family), **document})
    if isinstance(design, Problem):
        return design.model_copy(update={"message": f"As a {family.name} model: {design.message}"})
    unknown = (*text.unknown, *c.unknown(family.ignores | {"quantization_config"}))
    return Imported(design, family.name, tuple(dict.fromkeys(unknown)), tuple(notes))


@dataclass(frozen=True)
class _Text:
    """The text model's own values with what counts from around it, and what is not read.

    `own` are the values as they stand in a composite, None where the config is the text model itself.
    """

    values: dict[str, Any]
    own: dict[str, Any] | None
    unknown: tuple[str, ...]
    notes: list[str]


def _text_of(config: dict[str, Any]) -> _Text:
    values, notes = config, []
    own: dict[str, Any] | None = None
    unknown: list[str] = []
    for _ in range(len(_INSIDE) + 1):
        left = sorted(n for n in values if isinstance(values[n], dict) and _PARTS.search(n))
        if left:
            notes.append(f"Only the text model is read; left out: {', '.join(printable(n) for n in left)}.")
            values = {name: value for name, value in values.items() if name not in left}
        key = next((name for name in _INSIDE if isinstance(values.get(name), dict)), None)
        if key is None:
            break
        around = Config({n: value for n, value in values.items() if n != key and not _PARTS.search(n)})
        around.ignore(*_OUTER)
        unknown += around.unknown()
        shared = {name: values[name] for name in ("model_type", *_OUTER) if name in values}
        own = values[key]
        values = {**shared, **own}
        if len(values) > MOST_KEYS or not all(isinstance(name, str) for name in values):
            raise ConfigError(key, f"{key} holds too much.", "To fix this, give the file as published.")
    return _Text(values, own, tuple(unknown), notes)


def _family(values: dict[str, Any], outer: dict[str, Any], notes: list[str]) -> Family:
    """By `model_type`, else by `architectures`, else by keys that only one family has."""
    named = [c.get("model_type") for c in (values, outer)]
    types = list(dict.fromkeys(name for name in named if isinstance(name, str)))
    classes = list(dict.fromkeys(name for c in (values, outer) for name in _strings(c.get("architectures"))))
    for name in (*types, *classes):
        plain = re.sub(r"[^a-z0-9]", "", name[:_SHOWN].lower())
        refused = next((why for known, why in REFUSED.items() if plain.startswith(known)), None)
        if refused is not None:
            raise ConfigError(
                "model_type",
                f"{refused}, which cannot be drawn here.",
                f"To fix this, import one of: {_known()}.",
            )
        drawn = next((title for known, title in PRESET_ONLY.items() if plain.startswith(known)), None)
        if drawn is not None:
            raise ConfigError(
                "model_type",
                f"The config.json of {printable(name)} cannot be read; its architecture is a preset.",
                f"To fix this, start from the preset {drawn}.",
            )
    for name in types:
        for family in FAMILIES:
            if name in family.types:
                return family
    for family in FAMILIES:
        if set(classes) & set(family.classes):
            return family
    if not types and not classes:
        return _by_keys(values, notes)
    raise _unknown((types or classes)[0], values)


def _by_keys(values: dict[str, Any], notes: list[str]) -> Family:
    """Of the families whose signs are all there, the one that leaves fewest keys unread."""
    fits = [family for family in FAMILIES if family.signs and all(sign in values for sign in family.signs)]
    left = {family.name: _left(values, family) for family in fits}
    known = [family for family in fits if left[family.name] is not None]
    if not known:
        raise ConfigError(
            "model_type",
            "This config names neither a model_type nor architectures, and its keys are those of no family.",
            f"To fix this, add the model_type; known families: {_known()}.",
        )
    best = min(known, key=lambda family: (len(left[family.name] or ()), -len(family.signs)))
    notes.append(f"The config names no model_type; by its keys it was read as {best.name}.")
    return best


def _left(values: dict[str, Any], family: Family) -> tuple[str, ...] | None:
    """Keys that the family would not understand; None where it refuses the config."""
    c = Config(values)
    try:
        family.write(c)
    except ConfigError:
        return None
    return tuple(c.unknown(family.ignores | {"quantization_config"}))


def _unknown(name: str, values: dict[str, Any]) -> ConfigError:
    """An unknown family: which known one its keys come nearest to, and what that one leaves unread."""
    shown = repr(printable(name))
    keys = [key for key in values if key not in IGNORED]
    if not any(key in values for key in (*w.EXPERTS, "ffn_config", "layer_types", "layers_block_type")):
        return ConfigError(
            "model_type",
            f"{shown} is no family known here, and no key of it counts experts: it looks like a dense model.",
            "To fix this, import the config.json of a mixture of experts, or start from a preset.",
        )
    near = _nearest(name, values)
    if near is None:
        return ConfigError(
            "model_type",
            f"{shown} is no family known here, and read as any that is, its values make no model.",
            f"To fix this, import one of: {_known()}; or start from a preset.",
        )
    unread = _left(values, near) or ()
    missing = f"; it has no meaning for {_listed(unread)}" if unread else ""
    read = len(keys) - len([key for key in unread if "." not in key])
    return ConfigError(
        "model_type",
        f"{shown} is no family known here. Nearest is {near.name}, which understands {read} of its"
        f" {len(keys)} keys{missing}.",
        f'To fix this, set model_type to "{near.types[0]}" if the model is built like one and import again;'
        " or start from a preset.",
    )


def _nearest(name: str, values: dict[str, Any]) -> Family | None:
    """The family that leaves fewest keys unread; of several, the one whose name is closest."""
    left = {family.name: _left(values, family) for family in FAMILIES}
    fits = [family for family in FAMILIES if left[family.name] is not None]

    def order(family: Family) -> tuple[int, float]:
        close = max(SequenceMatcher(None, name[:_SHOWN], kind).ratio() for kind in family.types)
        return len(left[family.name] or ()), -close

    return min(fits, key=order, default=None)


def _listed(names: tuple[str, ...]) -> str:
    rest = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + rest


def _known() -> str:
    return ", ".join(family.name for family in FAMILIES)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield from (entry for entry in value[:16] if isinstance(entry, str))


def _name(values: dict[str, Any], family: Family) -> str:
    """The last step of the path that the config remembers, else the family's name."""
    path = values.get("_name_or_path")
    last = path.rstrip("/").rsplit("/", 1)[-1] if isinstance(path, str) else ""
    return re.sub(r"[^\w .+-]", "", last)[:80].strip() or family.name
