"""How alike experts are: by their weights, by what they put out, and by the space their outputs span.

E experts, N tokens, D width of the model, H hidden neurons of an expert, W weights of one neuron.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from core.analysis.errors import AnalysisError
from core.analysis.reading import Reading, figure

Floats = npt.NDArray[np.float64]

#: Pairs that chance is measured on.
CHANCE_PAIRS = 20


@dataclass(frozen=True)
class Similarity:
    """`value_EE` [E, E] of one measure, 1 on the diagonal, NaN where it is not defined; `chance` is its mean
    for pairs made independent."""

    measure: str
    value_EE: Floats
    chance: float
    reading: Reading


def by_weights(neurons_E: Sequence[npt.ArrayLike], seed: int = 0) -> Similarity:
    """Cosine of two experts' weights after the neurons of one were put in the order that fits the other best.

    `neurons_E` has [H, W] of each expert, a row a hidden neuron: its weights in, gate and out, one after
    another. Neurons have no order of their own, so experts that differ in it alone are the same (1, exactly).
    Experts of different size share as many neurons as the smaller has; the others count as unlike.

    Raises:
        AnalysisError: fewer than two experts, or neurons of different width.
    """
    neurons = [np.asarray(each, np.float64) for each in neurons_E]
    if any(each.ndim != 2 or each.shape[1] != neurons[0].shape[1] for each in neurons):
        raise AnalysisError(
            "Experts whose neurons have different numbers of weights cannot be laid over each other. To fix"
            " this, compare experts of one kind, or what they put out."
        )

    trap = "Neurons come in any order: compared as they stand, even a copy in another order looks unrelated."
    return _similarity("weights", neurons, aligned_cosine, _other_weights, trap, seed)


def by_output(output_END: npt.ArrayLike, seed: int = 0) -> Similarity:
    """Mean cosine between the outputs of two experts on the same tokens [E, N, D]."""
    outputs = _outputs(output_END)
    trap = "All experts were given the same tokens here; in the model each sees only those it is sent."
    return _similarity("outputs", outputs, mean_cosine, _other_tokens, trap, seed)


def by_cka(output_END: npt.ArrayLike, seed: int = 0) -> Similarity:
    """Linear CKA (arXiv 1905.00414) between the outputs of two experts on the same tokens [E, N, D]."""
    outputs = _outputs(output_END)
    trap = "CKA does not see rotation or size: 1 means the same geometry of tokens, not the same output."
    return _similarity("CKA", outputs, cka, _other_tokens, trap, seed)


def aligned_cosine(one_HW: Floats, other_HW: Floats) -> float:
    """Cosine after the best one-to-one match of neurons."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    first, second = linear_sum_assignment(one_HW @ other_HW.T, maximize=True)
    one, other = one_HW[first], other_HW[second]
    # The matched part is summed in one order in all three sums, so that copies give 1 and not nearly 1.
    spare_one = (np.delete(one_HW, first, axis=0) ** 2).sum()
    spare_other = (np.delete(other_HW, second, axis=0) ** 2).sum()
    sizes = ((one * one).sum() + spare_one) * ((other * other).sum() + spare_other)
    return float((one * other).sum() / np.sqrt(sizes)) if sizes else float("nan")


def mean_cosine(one_ND: Floats, other_ND: Floats) -> float:
    """Mean over tokens of the cosine; tokens where one puts out nothing are left out."""
    sizes_N = np.sqrt((one_ND * one_ND).sum(axis=1) * (other_ND * other_ND).sum(axis=1))
    there_N = sizes_N > 0
    each_N = (one_ND * other_ND).sum(axis=1)[there_N] / sizes_N[there_N]
    return float(each_N.mean()) if len(each_N) else float("nan")


def cka(one_ND: Floats, other_ND: Floats) -> float:
    """|Y'X|^2 / (|X'X| |Y'Y|) of centred columns; NaN where an output never changes."""
    one, other = one_ND - one_ND.mean(axis=0), other_ND - other_ND.mean(axis=0)
    cross, own, others = ((a.T @ b) for a, b in ((one, other), (one, one), (other, other)))
    sizes = (own * own).sum() * (others * others).sum()
    return float((cross * cross).sum() / np.sqrt(sizes)) if sizes else float("nan")


def _outputs(output_END: npt.ArrayLike) -> list[Floats]:
    outputs = np.asarray(output_END, np.float64)
    if outputs.ndim != 3 or outputs.shape[1] < 2:
        raise AnalysisError(
            f"Outputs are {outputs.shape}. To fix this, give those of every expert on the same tokens, two at"
            " least."
        )
    return list(outputs)


def _other_tokens(output_ND: Floats, rng: np.random.Generator) -> Floats:
    """The same outputs, each of another token."""
    return np.asarray(rng.permutation(output_ND))


def _other_weights(neurons_HW: Floats, rng: np.random.Generator) -> Floats:
    """The same weights in every neuron, each at another place."""
    return np.asarray(rng.permuted(neurons_HW, axis=1))


def _similarity(
    measure: str,
    experts: list[Floats],
    of: Callable[[Floats, Floats], float],
    independent: Callable[[Floats, np.random.Generator], Floats],
    trap: str,
    seed: int,
) -> Similarity:
    E = len(experts)
    if E < 2:
        raise AnalysisError(
            "There is one expert, and nothing to compare it with. To fix this, choose a layer with more."
        )
    rng = np.random.default_rng(seed)
    pairs = list(combinations(range(E), 2))
    value_EE = np.eye(E)
    for i, j in pairs:
        value_EE[i, j] = value_EE[j, i] = of(experts[i], experts[j])
    some = [pairs[p] for p in rng.permutation(len(pairs))[:CHANCE_PAIRS]]
    chance = _mean(np.array([of(experts[i], independent(experts[j], rng)) for i, j in some]))
    upper = value_EE[np.triu_indices(E, 1)]
    shows = f"Two experts are alike to {figure(_mean(upper))} on average ({measure}; 1 is the same)."
    if np.isfinite(upper).any():
        i, j = pairs[int(np.nanargmax(upper))]
        shows += f" Most alike are experts {i} and {j}: {figure(value_EE[i, j])}."
    return Similarity(measure, value_EE, chance, Reading(shows, trap, f"Independent ones: {figure(chance)}."))


def _mean(values: Floats) -> float:
    """Of what is defined."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
