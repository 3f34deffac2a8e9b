"""Texts of one's own: every byte is predicted once, from those before it in its window."""

import numpy as np
import pytest

from core.probe.errors import ProbeError
from core.probe.texts import Text, batch_of, cut
from tests.core.probe.subjects import subject


@pytest.mark.parametrize("length", [2, 8, 9, 10, 17, 18, 40])
def test_every_byte_but_the_first_is_predicted_once(length: int) -> None:
    text = bytes(range(65, 65 + length)).decode("latin-1")
    whole, rest = cut(subject(), Text(name="mine", text=text), 3)
    found = np.concatenate([whole.targets["next"].ravel(), rest.targets["next"].ravel()])
    assert found.tolist() == list(range(66, 65 + length))
    for batch in (whole, rest):
        assert (batch.targets["next"] == batch.inputs + 1).all()
        assert (batch.domain == 3).all()
    assert whole.inputs.shape[1] == 8
    assert len(batch_of(subject(), Text(name="mine", text=text))) >= 1


def test_a_text_too_short_is_refused() -> None:
    with pytest.raises(ProbeError, match=r"'mine' has 1 bytes.*To fix this, use 2 to"):
        cut(subject(), Text(name="mine", text="x"), 0)
