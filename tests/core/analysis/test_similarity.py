"""Similarity of copies, of rotations and of strangers."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.similarity import aligned_cosine, by_cka, by_output, by_weights, cka

RNG = np.random.default_rng(0)
NEURONS = RNG.normal(size=(24, 36))
OUTPUT = RNG.normal(size=(400, 8)) * np.arange(1, 9)


def rotation(size: int, seed: int = 1) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_copy_with_its_neurons_in_another_order_is_exactly_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    copies = [NEURONS, rng.permutation(NEURONS), rng.permutation(NEURONS)]
    assert (by_weights(copies).value_EE == 1).all()
    as_they_stand = (copies[0] * copies[1]).sum() / (copies[0] ** 2).sum()
    assert as_they_stand < 0.3


def test_strangers_are_as_alike_as_chance() -> None:
    experts = [np.random.default_rng(seed).normal(size=(24, 36)) for seed in range(6)]
    found = by_weights(experts)
    upper = found.value_EE[np.triu_indices(6, 1)]
    assert upper == pytest.approx(found.chance, abs=0.05)
    # The best match of strangers is far from 0: chance is what to compare with.
    assert found.chance > 0.2


def test_a_noisy_copy_lies_between() -> None:
    noisy = np.random.default_rng(2).permutation(
        NEURONS + np.random.default_rng(3).normal(size=NEURONS.shape)
    )
    found = by_weights([NEURONS, noisy])
    assert found.value_EE[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.05)
    assert found.chance < 0.5 < found.value_EE[0, 1]


def test_an_expert_of_another_size_shares_what_the_smaller_has() -> None:
    found = aligned_cosine(NEURONS, NEURONS[5:17])
    assert found == pytest.approx(np.sqrt((NEURONS[5:17] ** 2).sum() / (NEURONS**2).sum()))
    assert aligned_cosine(NEURONS[5:17], NEURONS) == pytest.approx(found)


def test_the_same_function_is_the_same_by_every_measure() -> None:
    outputs = [OUTPUT, OUTPUT.copy()]
    assert (by_output(outputs).value_EE == 1).all()
    assert (by_cka(outputs).value_EE == 1).all()


def test_cka_sees_neither_rotation_nor_size_and_cosine_does() -> None:
    turned = 3 * OUTPUT @ rotation(8)
    assert cka(OUTPUT, turned + 5) == pytest.approx(1, abs=1e-12)
    assert by_output([OUTPUT, 3 * OUTPUT]).value_EE[0, 1] == pytest.approx(1)
    assert by_output([OUTPUT, -OUTPUT]).value_EE[0, 1] == pytest.approx(-1)
    assert by_output([OUTPUT, turned]).value_EE[0, 1] < 0.9


def test_unrelated_outputs_are_as_alike_as_chance() -> None:
    other = np.random.default_rng(4).permutation(OUTPUT)
    for measure in (by_output, by_cka):
        found = measure([OUTPUT, other])
        assert found.value_EE[0, 1] == pytest.approx(found.chance, abs=0.1)
        assert found.chance < 0.1


def test_experts_that_put_out_nothing_have_no_similarity() -> None:
    nothing = np.zeros((10, 3))
    some = OUTPUT[:10, :3]
    for measure in (by_output, by_cka):
        found = measure([nothing, some])
        assert np.isnan(found.value_EE[0, 1])
        assert np.isnan(found.chance)
        assert "Most alike" not in found.reading.shows


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(AnalysisError, match=r"nothing to compare.*To fix this"):
        by_weights([NEURONS])
    with pytest.raises(AnalysisError, match=r"different numbers of weights.*To fix this"):
        by_weights([NEURONS, NEURONS[:, :5]])
    with pytest.raises(AnalysisError, match=r"To fix this.*same tokens"):
        by_cka(OUTPUT)
