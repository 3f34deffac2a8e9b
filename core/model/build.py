"""Design to torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from core.design.plan import Way
from core.design.planned import execution_fault
from core.design.rules import check, errors
from core.design.spec import Design
from core.model import vocabulary as vocabulary  # registers every torch class
from core.model.initialise import initialise
from core.model.model import Model

Execution = Literal["auto", "reference", "export"] | Way | Mapping[str, Way]


class CannotBuildError(ValueError):
    """A design with errors at stage train, or experts that cannot be run as asked.

    The message names the first error and counts the rest.
    """


def build(
    design: Design, *, seed: int = 0, execution: Execution = "auto", expert_dtype: str = "float32"
) -> Model:
    """The model of a design, in float32, in training mode; equal seeds give equal parameters.

    execution: how experts run: `reference` (all of them, masked), `sparse` (a token's own only, by the way
    expected to be fastest), `ragged`, `grouped`, `numpy` or `compiled` (the same, always that way), `export`
    (the same in operators that can be exported), `auto`, which is sparse, or a way for each routed part by
    its path.
    expert_dtype: float32 or bfloat16, the type of the routed experts' matrix products; parameters stay
    float32. The global random state is left as it was.
    Raises CannotBuildError for a design with errors at stage train, bfloat16 in `reference` or `export`,
    and a path that the design does not have.
    """
    found = errors(check(design, stage="train"))
    if found:
        more = f" ({len(found) - 1} more problems.)" if len(found) > 1 else ""
        raise CannotBuildError(f"{found[0]}{more}")
    fault = execution_fault(execution, expert_dtype, design)
    if fault is not None:
        raise CannotBuildError(" ".join(fault))
    # Execution and type by one name, as combiners know them.
    kind = "" if expert_dtype == "float32" else f"/{expert_dtype}"
    paths = [place.path for place in design.occurrences()]
    ways = {
        path: (execution if isinstance(execution, str) else execution.get(path, "sparse")) + kind
        for path in paths
    }
    with torch.random.fork_rng(devices=[]):
        model = Model(design, ways)
    initialise(model, seed, len(paths))
    return model
