"""Plans: defaults, hashes, refusals."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.design.plan import Plan
from core.design.schema import document


def test_the_sha_ignores_written_defaults_and_sees_values() -> None:
    assert Plan(seed=0, batch=32).sha == Plan().sha
    assert Plan(seed=1).sha != Plan().sha
    assert Plan().replaced(steps=10) == Plan(steps=10)


def test_plans_survive_json() -> None:
    plan = Plan(steps=5, mixture={"a": 1.0}, freeze=("layers.0",), execution={"decoder.0.1": "numpy"})
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    "bad", [{"steps": -1}, {"batch": 0}, {"optimizer": {"rate": 0}}, {"objective": {"kind": "x"}}]
)
def test_bad_plans_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(bad)


def test_the_plan_has_a_schema_too() -> None:
    assert "optimizer" in document(Plan)["$defs"]["Plan"]["properties"]
