"""Number formats: bits of a number, with the scales that blocks of them share, and which part has which."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

from core.design.base import Role, Weight


@dataclass(frozen=True)
class Format:
    """`bits` of a number and one scale of `scale_bits` for each `block` of numbers.

    `kept` are the bits of what a narrow format leaves alone: norms, biases, routers.
    """

    name: str
    bits: int
    block: int = 1
    scale_bits: int = 0
    kept: int = 16

    @property
    def width(self) -> float:
        """Bits a number takes, scales included."""
        return self.bits + self.scale_bits / self.block

    def stored(self, shape: tuple[int, ...]) -> int:
        """Bits of a tensor; a last block that is not full has its scale, and none grows above 16 bits."""
        numbers = math.prod(shape)
        if not self.scale_bits:
            return numbers * self.bits
        return min(16 * numbers, numbers * self.bits + -(-numbers // self.block) * self.scale_bits)


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("fp32", 32, kept=32),
        Format("bf16", 16),
        Format("fp16", 16),
        Format("fp8", 8),
        Format("mxfp8", 8, 32, 8),
        Format("int8", 8),
        Format("int4", 4, 32, 16),
        Format("nvfp4", 4, 16, 8),
        Format("mxfp4", 4, 32, 8),
        # llama.cpp keeps norms and routers in float32.
        Format("q8_0", 8, 32, 16, kept=32),
        Format("q4_0", 4, 32, 16, kept=32),
        # Q4_K (144 bytes for 256 numbers) with Q6_K (210 bytes) for half of the down-projections: a sixth.
        Format("q4_k_m", 4, 256, 216, kept=32),
    )
}
#: Other names of the same.
ALIASES = {"f32": "fp32", "f16": "fp16", "fp4": "nvfp4"}
#: What `--weights` takes: a format for every matrix, but mxfp4 for experts alone, as gpt-oss is released.
WEIGHTS = (*FORMATS, *ALIASES)
_EXPERTS_ONLY = {"mxfp4": "bf16"}


def number_format(name: str) -> Format:
    """A format by name. Raises ValueError with the nearest name."""
    found = FORMATS.get(ALIASES.get(name, name))
    if found is None:
        raise ValueError(f"There is no number format {name!r}.{_near(name)}")
    return found


def _near(name: str) -> str:
    near = get_close_matches(name, WEIGHTS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} To fix this, use one of: {', '.join(WEIGHTS)}."


@dataclass(frozen=True)
class Widths:
    """The number format of every weight, asked for as `name`.

    `default` holds for matrices and tables; norms, biases and routers keep `default.kept` bits. `roles` name
    a format for a role of weights, `places` for a part by its pointer, for a group of experts by its own, and
    for routed expert e of a part by `<pointer>/experts/<e>`; the nearest rule wins.
    """

    name: str
    default: Format
    roles: Mapping[str, Format]
    places: Mapping[str, Format]

    def __hash__(self) -> int:
        return hash((self.name, self.default))

    @property
    def formats(self) -> frozenset[str]:
        """Names of all that are asked for."""
        return frozenset(f.name for f in (self.default, *self.roles.values(), *self.places.values()))

    def of(self, weight: Weight, *pointers: str) -> Format:
        """Format of a weight of what stands at `pointers`, the nearest first."""
        if weight.narrows:
            for pointer in pointers:
                if pointer in self.places:
                    return self.places[pointer]
        if (weight.narrows or weight.role in ("norm", "router")) and weight.role in self.roles:
            return self.roles[weight.role]
        return self.default if weight.narrows else _KEPT[self.default.kept]

    def matrices(self, role: str) -> Format:
        """Format of the matrices of a role where no place says otherwise."""
        return self.roles.get(role, _KEPT[self.default.kept] if role == "router" else self.default)


_KEPT = {16: FORMATS["bf16"], 32: FORMATS["fp32"]}


def widths(asked: str | Mapping[str, str]) -> Widths:
    """Widths by the name of a format, the path of a JSON file, or the rules of such a file.

    A rule maps `default`, a role of weights (`expert`, `shared`, `mixer`, ...), the pointer of a part, or
    `<pointer>/experts/<e>` to a format. Raises ValueError in words for a user.
    """
    if isinstance(asked, str) and asked.endswith(".json"):
        return _ruled(_file(asked), Path(asked).name)
    if not isinstance(asked, str):
        return _ruled(asked, "mixed")
    form = number_format(asked)
    if (rest := _EXPERTS_ONLY.get(form.name)) is not None:
        return Widths(form.name, FORMATS[rest], {"expert": form}, {})
    return Widths(form.name, form, {}, {})


def _file(path: str) -> Mapping[str, str]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"The widths {path!r} cannot be read: {error}. To fix this, give a JSON file that maps default,"
            " roles and pointers to number formats."
        ) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(
            f"The widths {path!r} are no object of names. To fix this, write"
            ' {"default": "bf16", "expert": "mxfp4"} or alike.'
        )
    return found


def _ruled(rules: Mapping[str, str], name: str) -> Widths:
    roles: dict[str, Format] = {}
    places: dict[str, Format] = {}
    for key, value in rules.items():
        if key.startswith("/"):
            places[key] = number_format(value)
        elif key in get_args(Role):
            roles[key] = number_format(value)
        elif key != "default":
            raise ValueError(
                f"{key!r} is neither default, nor a role, nor a pointer. To fix this, use default, a pointer"
                f" such as /stacks/0/layers/0/pattern/0/parts/1, or one of: {', '.join(get_args(Role))}."
            )
    return Widths(name, number_format(rules.get("default", "bf16")), roles, places)
