"""What pydantic refuses is said in our words."""

import pytest
from pydantic import ValidationError

from core.design.mistakes import fault
from core.design.plan import Plan


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"freeze": "xx"}, 'it takes a list in brackets, such as ["a", "b"]'),
        ({"freeze": [1]}, "it takes text"),
        ({"steps": "many"}, "it takes a whole number"),
        ({"steps": 1.5}, "it takes a whole number"),
        ({"steps": -1}, "it takes 0 at least"),
        ({"steps": 10**9}, "it takes 1e+07 at most"),
        ({"optimizer": {"rate": 0}}, "it takes a number above 0"),
        ({"optimizer": {"beta1": 1}}, "it takes a number below 1"),
        ({"optimizer": {"rate": "nan"}}, "it takes a number that is neither infinite nor undefined"),
        ({"optimizer": 3}, 'it takes names with values in braces, such as {"a": 1}'),
        ({"mixture": 3}, 'it takes names with values in braces, such as {"a": 1}'),
        ({"mixture": {"a": "b"}}, "it takes a number"),
        ({"execution": "fast"}, "it takes 'auto', 'reference', 'sparse', "),
        ({"start_from": "x" * 65}, "it takes text of 64 letters at most"),
        ({"stepps": 3}, "there is nothing of this name"),
        ({"objective": {"kind": "x"}}, "unknown objective 'x'. Known: per_task_accumulate"),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_would(written: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Plan.model_validate(written)
    # A union tells of each of its members; the first is the one that people write.
    first = caught.value.errors(include_url=False)[0]
    assert fault(first).startswith(said)
    assert "should" not in fault(first)
    assert not fault(first).endswith(".")
