"""What a routed layer is made to do at inference instead of what it learned. Pure data.

Experts are switched off, switched on or favoured, or are picked in another way (MoTE, arXiv 2502.11096; the
rank-r routing of arXiv 2405.14507). The weights of a run stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from core.design.base import Spec, field
from core.design.files import write_whole

Scope = Literal["all", "prefill", "decode"]
Expert = Annotated[int, Field(ge=0, lt=65_536)]
#: Added to a logit. Far more than any router's logits differ by, and still a float32 beside them.
Bias = Annotated[float, Field(ge=-1e6, le=1e6)]


class Pick(Spec):
    """Base of the ways to pick."""


class TopK(Pick):
    """The k best."""

    kind: Literal["top_k"]
    k: int = field(ge=1, le=4096)


class Rank(Pick):
    """Only the expert that comes r-th; the best is first."""

    kind: Literal["rank"]
    r: int = field(ge=1, le=4096)


class TopP(Pick):
    """The fewest of the best whose probabilities reach p."""

    kind: Literal["top_p"]
    p: float = field(gt=0, le=1)


class Random(Pick):
    """k experts by chance, each as likely as another."""

    kind: Literal["random"]
    k: int = field(ge=1, le=4096)
    seed: int = field(0, ge=0, le=2**31 - 1)


class Given(Pick):
    """These, for every token."""

    kind: Literal["given"]
    experts: tuple[Expert, ...] = field(min_length=1, max_length=4096)


class Override(Spec):
    """One layer. The order: `bias` is added to the logits; `suppress`ed experts cannot be picked; the layer's
    own selection, or `pick`, picks from the rest; each expert of `force` that is not among the picks takes
    the place of the last of them; weights follow from the picks by the layer's own rule. Shared experts stay.

    scope: all tokens, those of the prompt, or those that were generated. drops: whether a capacity still
    leaves choices out.
    """

    suppress: tuple[Expert, ...] = ()
    force: tuple[Expert, ...] = ()
    bias: dict[Expert, Bias] = field({})
    pick: Annotated[TopK | Rank | TopP | Random | Given, Field(discriminator="kind")] | None = None
    scope: Scope = "all"
    drops: bool = True

    @model_validator(mode="after")
    def _each_once(self) -> Override:
        given = self.pick.experts if isinstance(self.pick, Given) else ()
        for name, experts in (("suppress", self.suppress), ("force", self.force), ("given", given)):
            if len(set(experts)) < len(experts):
                raise ValueError(f"{name} names an expert twice; name each once")
        if both := sorted(set(self.suppress) & set(self.force)):
            raise ValueError(f"expert {both[0]} is both switched off and switched on; choose one of them")
        return self

    @property
    def idle(self) -> bool:
        """Whether it changes nothing."""
        return self == Override(scope=self.scope)


#: Overrides by the path of the layer.
Overrides = dict[str, Override]
#: What is added to the logit of a favoured expert where no number is given.
BOOST = 2.0
_OVERRIDES = TypeAdapter(Overrides)
#: Where a run that was saved with overrides keeps them.
PRESET = "overrides.json"


def sendable(wanted: Mapping[str, Override]) -> dict[str, Any]:
    """Overrides as a question to a run has them."""
    return {path: override.model_dump(mode="json") for path, override in wanted.items()}


def write_preset(run_folder: Path, wanted: Mapping[str, Override]) -> None:
    """Overrides that hold for a run whenever it is asked. Raises OSError."""
    write_whole(run_folder / PRESET, _OVERRIDES.dump_json(dict(wanted), indent=2))


def read_preset(run_folder: Path) -> Overrides:
    """The overrides of a run; none for most. Raises ValueError for a damaged file."""
    try:
        content = (run_folder / PRESET).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return _OVERRIDES.validate_json(content)
    except ValidationError as error:
        raise ValueError(
            f"{PRESET} of the run {run_folder.name} cannot be read. To fix this, save the overrides again"
            " from its parent."
        ) from error
