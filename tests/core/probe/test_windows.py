"""Every token of a text stands in one window, and sees half a window at least."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.probe.errors import ProbeError
from core.probe.windows import MOST_TOKENS, bytes_of, windows


@given(st.integers(1, 200), st.integers(1, 17))
def test_own_tokens_in_order_are_the_text(length: int, context: int) -> None:
    text_T = np.arange(length)
    cut = windows(text_T, context)
    assert cut.inputs_BS[cut.own_BS].tolist() == text_T.tolist()
    assert cut.next_BS[cut.own_BS].tolist() == [*range(1, length), -1]
    assert cut.inputs_BS.shape[1] == min(length, context)
    position = np.nonzero(cut.own_BS)[1]
    assert (position[min(length, context) :] >= context // 2).all()


def test_bytes_are_tokens_and_bad_texts_are_refused() -> None:
    assert bytes_of("aé").tolist() == [97, 195, 169]
    with pytest.raises(ProbeError, match=r"16,384 at most. To fix this"):
        bytes_of("x" * (MOST_TOKENS + 1))
    with pytest.raises(ProbeError, match=r"The text is empty.*To fix this"):
        bytes_of("")
