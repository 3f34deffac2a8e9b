"""Design to torch."""

from __future__ import annotations

from typing import Literal

import torch

from core.design.rules import check, errors
from core.design.spec import Design
from core.model import vocabulary as vocabulary  # registers every torch class
from core.model.initialise import initialise
from core.model.model import Model

Execution = Literal["auto", "reference", "sparse", "ragged", "grouped", "export"]


class CannotBuildError(ValueError):
    """A design with errors at stage train; the message names the first and counts the rest."""


def build(
    design: Design, *, seed: int = 0, execution: Execution = "auto", expert_dtype: str = "float32"
) -> Model:
    """The model of a design, in float32, in training mode; equal seeds give equal parameters.

    execution: how experts run: `reference` (all of them, masked), `sparse` (a token's own only, by the way
    expected to be fastest), `ragged` or `grouped` (the same, always that way), `export` (the same in
    operators that can be exported), or `auto`, which is sparse. expert_dtype: float32 or bfloat16, the type
    of the experts' matrix products where only a token's own run; parameters stay float32. The global random
    state is left as it was.
    Raises CannotBuildError for a design with errors at stage train.
    """
    found = errors(check(design, stage="train"))
    if found:
        more = f" ({len(found) - 1} more problems.)" if len(found) > 1 else ""
        raise CannotBuildError(f"{found[0]}{more}")
    with torch.random.fork_rng(devices=[]):
        model = Model(design, _way(execution, expert_dtype))
    initialise(model, seed, sum(1 for _ in design.occurrences()))
    return model


def _way(execution: Execution, expert_dtype: str) -> str:
    """One name for both, as combiners know it."""
    if expert_dtype == "float32" or execution in ("reference", "export"):
        return execution
    return f"{'sparse' if execution == 'auto' else execution}/{expert_dtype}"
