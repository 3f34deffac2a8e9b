"""An experiment small enough for a test, and measurements by hand."""

from collections.abc import Sequence

from core.claims.results import Measurement
from core.papers.base import Arm, Expect, Experiment

LONG = "a" * 64


def small_experiment(**values: object) -> Experiment:
    """Two arms of the reference net on a table that comes with scikit-learn; ten steps."""
    fields = {
        "id": "x900",
        "title": "Small",
        "base": "net",
        "data": "table:wine",
        "arms": (
            Arm(name="even", title="Even", method="switch", sets={"/moe/router/capacity": None}),
            Arm(name="free", title="Free", method="top-k", sets={"/moe/balance": []}),
        ),
        "expects": (Expect(claim="Lower", measure="loss", left="even", relation="below", right="free"),),
        "plan": {"steps": 10, "batch": 8, "evaluate_examples": 4},
        "caveat": "A test.",
    }
    return Experiment.model_validate(fields | values)


def measured(arm: str, values: Sequence[float], name: str = "loss") -> list[Measurement]:
    """One measurement for each seed."""
    return [
        Measurement(arm, seed, LONG, {name: value}, {"flops": 2.0}, 1.5, 100.0 + seed, f"run-{seed}")
        for seed, value in enumerate(values)
    ]
