"""Schedules: end points, monotone between them, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.design.routing.modifier.temperature import Temperature
from core.design.routing.select.top_k import TopK
from core.design.schedule import SCHEDULE, ends_of, value_at


@given(
    st.sampled_from(["linear", "cosine", "exponential"]),
    st.floats(0.01, 100),
    st.floats(0.01, 100),
    st.lists(st.floats(0, 1), min_size=2, max_size=5),
)
def test_ramps_hit_their_ends_and_never_turn_back(
    kind: str, start: float, end: float, times: list[float]
) -> None:
    ramp = SCHEDULE.parse({"kind": kind, "start": start, "end": end})
    assert value_at(ramp, 0.0) == pytest.approx(start)
    assert value_at(ramp, 1.0) == pytest.approx(end)
    values = [value_at(ramp, t) for t in sorted(times)]
    assert values == sorted(values, reverse=start > end) or max(values) - min(values) < 1e-9


def test_steps_share_progress_equally() -> None:
    steps = SCHEDULE.parse({"kind": "steps", "values": [3, 2, 1]})
    assert [value_at(steps, t) for t in (0, 0.3, 0.34, 0.9, 1)] == [3, 3, 2, 1, 1]


def test_a_field_takes_a_number_or_a_schedule_within_its_limits() -> None:
    assert TopK(kind="top_k", k=3).k == 3
    ramp = TopK.model_validate({"kind": "top_k", "k": {"kind": "linear", "start": 8, "end": 2}})
    assert ends_of(ramp.k) == (2, 8)
    assert (ramp.fewest(16), ramp.most(16), ramp.most(4)) == (2, 8, 4)
    numbers = (0, 2.5, float("inf"), float("nan"), 10**400, -(10**400))
    for bad in (*numbers, True, "two", {"kind": "linear", "start": 0, "end": 2}):
        with pytest.raises(ValidationError):
            TopK.model_validate({"kind": "top_k", "k": bad})
    with pytest.raises(ValidationError):
        Temperature.model_validate({"kind": "temperature", "value": 0})
