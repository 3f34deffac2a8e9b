"""A run's folder back to a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from core.design.base import Spec
from core.design.files import newest_checkpoint
from core.design.override import PRESET
from core.design.plan import Plan
from core.design.spec import Design
from core.model.build import build
from core.model.model import Model
from core.train import checkpoint
from core.train.errors import CheckpointError

S = TypeVar("S", bound=Spec)


def restore(
    run_folder: Path, step: int | None = None, *, overridden: bool = False
) -> tuple[Design, Plan, Model, int]:
    """(design, resolved plan, model in eval mode, step) of the newest whole checkpoint, or of `step`.

    overridden: the caller carries out the overrides that a run may have been saved with.

    Raises:
        CheckpointError: no design, no plan or no whole checkpoint, or one of another design; overrides that
            the caller does not know of.
    """
    if not overridden and (run_folder / PRESET).exists():
        raise CheckpointError(
            f"The run {run_folder.name} was saved with experts switched off or on, and its weights alone are"
            " another model. To fix this, choose its parent, or ask this run on the page Routing."
        )
    design, plan = _read(run_folder, "design", Design), _read(run_folder, "plan", Plan)
    wanted = newest_checkpoint(run_folder) if step is None else step
    if wanted is None:
        raise CheckpointError(
            f"The run {run_folder.name} has no whole checkpoint yet. To fix this, train it further."
        )
    found = checkpoint.load(run_folder, wanted)
    if found.design != design.sha:
        raise CheckpointError(
            f"The checkpoint of step {wanted} of {run_folder.name} is of another design. To fix this, train"
            " it again."
        )
    model = build(design, seed=plan.seed, execution=plan.execution, expert_dtype=plan.expert_dtype)
    model.load_state_dict(found.model)
    model.eval()
    return design, plan, model, wanted


def _read(run_folder: Path, name: str, kind: type[S]) -> S:
    try:
        return kind.model_validate_json((run_folder / f"{name}.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckpointError(
            f"The run {run_folder.name} has no readable {name}. To fix this, choose a run that has trained."
        ) from error
