"""Which gates can be told from their temperature (arXiv 2401.13875): eigenvalues, exactly."""

import pytest

from core.claims.errors import ClaimError
from core.claims.fisher import GATES, smallest_eigenvalue

SEEDS = range(8)


@pytest.mark.parametrize("gate", ["linear", "relu"])
def test_scale_and_temperature_cannot_be_told_apart_behind_a_homogeneous_gate(gate: str) -> None:
    assert max(abs(smallest_eigenvalue(gate, seed)) for seed in SEEDS) < 1e-12


@pytest.mark.parametrize("gate", ["sigmoid", "tanh", "gelu"])
def test_they_can_behind_the_others(gate: str) -> None:
    assert min(smallest_eigenvalue(gate, seed) for seed in SEEDS) > 1e-8


def test_the_truth_is_drawn_from_the_seed() -> None:
    assert smallest_eigenvalue("tanh", 1) == smallest_eigenvalue("tanh", 1) != smallest_eigenvalue("tanh", 2)


def test_an_unknown_gate_names_the_nearest() -> None:
    with pytest.raises(ClaimError, match="Did you mean 'sigmoid'"):
        smallest_eigenvalue("sigmod", 0)
    assert set(GATES) == {"linear", "relu", "sigmoid", "tanh", "gelu"}
