"""Wilson's interval, from its equation, and what a thousand looks at chance alone show."""

import numpy as np
import pytest

from core.analysis.intervals import wilson_low


def test_the_lower_end_solves_wilsons_equation() -> None:
    low, z, n, share = float(wilson_low(8, 20)), 1.6448536269514722, 20, 0.4
    assert (share - low) ** 2 == pytest.approx(z**2 * low * (1 - low) / n)
    assert wilson_low([0, 5], [0, 5]).tolist()[0] == 0


def test_of_many_looks_at_chance_few_are_beyond_it() -> None:
    share_RE = np.random.default_rng(0).multinomial(400, np.full(64, 1 / 64), 400)
    once, corrected = ((wilson_low(share_RE, 400, looks) > 1 / 64).any(axis=1).mean() for looks in (1, 64))
    assert once > 0.5
    assert corrected < 0.15
