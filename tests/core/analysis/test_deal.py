"""Dealing labels keeps every label and its neighbours."""

import numpy as np

from core.analysis.deal import dealt


def test_every_token_gives_its_label_once() -> None:
    sequence = np.repeat([3, 0, 7, 2], [5, 1, 8, 4])
    found = dealt(sequence, shuffles=10, seed=2)
    assert found.shape == (10, 18)
    for shuffle in found:
        assert sorted(shuffle) == list(range(18))
    assert len({tuple(shuffle) for shuffle in found}) == 10
    np.testing.assert_array_equal(found[:4], dealt(sequence, shuffles=4, seed=2))


def test_sequences_of_one_length_are_dealt_whole_and_turned() -> None:
    sequence, position = np.repeat(np.arange(6), 10), np.tile(np.arange(10), 6)
    for shuffle in dealt(sequence, shuffles=8):
        assert (sequence[shuffle].reshape(6, 10).std(axis=1) == 0).all()
        assert (np.diff(position[shuffle].reshape(6, 10), axis=1) % 10 == 1).all()
    turned = position[dealt(sequence, shuffles=8)].reshape(8, 6, 10)[..., 0]
    assert len(np.unique(turned)) > 5


def test_tokens_of_a_sequence_may_lie_apart() -> None:
    sequence = np.tile([0, 1], 10)
    for shuffle in dealt(sequence, shuffles=5):
        given = sequence[shuffle]
        assert len(set(given[sequence == 0])) == len(set(given[sequence == 1])) == 1


def test_no_tokens() -> None:
    assert dealt(np.zeros(0, np.int32)).shape == (20, 0)
