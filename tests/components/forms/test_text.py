import pytest

from components.forms.shapes import shape
from components.forms.text import as_text, from_text, number_format, usual_step

NUMBERS = {"type": "array", "items": {"type": "number"}}
TEXTS = {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("node", "value", "text"),
    [
        (NUMBERS, [1, 2.5, -3], "1, 2.5, -3"),
        (NUMBERS, [], ""),
        (TEXTS, ["news", "code"], "news, code"),
        (
            {"type": "object", "additionalProperties": NUMBERS},
            {"news": [1, 2], "code": [0.5]},
            "news: 1, 2\ncode: 0.5",
        ),
    ],
)
def test_text_and_back(node: dict, value: object, text: str) -> None:
    assert as_text(value) == text
    assert from_text(text, shape(node, {})) == value


def test_what_is_no_number_stays_text() -> None:
    assert from_text("1, x, 2", shape(NUMBERS, {})) == [1, "x", 2]


@pytest.mark.parametrize(
    ("value", "step", "said"), [(0.0003, 0.0001, "0.0003"), (25.0, 1.0, "25."), (None, 0.01, "0.00")]
)
def test_a_number_steps_by_its_size_and_shows_all_its_digits(
    value: float | None, step: float, said: str
) -> None:
    assert usual_step(value) == pytest.approx(step)
    assert float(number_format(value, step) % (value or 0.0)) == float(said)
