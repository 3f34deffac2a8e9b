"""Labels of experts whose tokens were planted, and silence where there is nothing to say."""

import numpy as np
import pytest

from core.analysis.errors import AnalysisError
from core.analysis.labels import labels
from tests.core.analysis.planted import planted, soft_only

LENGTH = 40
TEXT = b"def sum(a, b):\n    return a + b * 17 # 42\n" * 100
TEXT = TEXT[: len(TEXT) // LENGTH * LENGTH]
BYTE = np.frombuffer(TEXT, np.uint8)
DIGIT = (BYTE >= 48) & (BYTE <= 57)
RANDOM = np.random.default_rng(0).integers(2, 4, len(BYTE))


def routed(expert: np.ndarray, **values: object):
    trace = planted(4, [np.asarray(expert)[:, None]], length=LENGTH, token=BYTE, **values)
    return labels(trace, trace.layers[0])


def test_an_expert_of_digits_is_called_so() -> None:
    found = routed(np.where(DIGIT, 0, RANDOM))
    digits = found.experts[0]
    assert digits.traits[0].name == "digit"
    assert digits.traits[0].share == 1
    assert digits.traits[0].lift == pytest.approx(1 / DIGIT.mean(), rel=0.1)
    assert digits.label.startswith("digit (")
    assert digits.tokens == DIGIT.sum()
    assert all(snippet.token in "0123456789" for snippet in digits.snippets)
    assert found.experts[2].label == found.experts[3].label == "no clear pattern"
    assert found.experts[1].label == "no tokens"
    assert found.experts[1].snippets == ()
    assert found.reading.shows.startswith("1 expert of 4")


def test_a_byte_is_named_where_it_says_more_than_its_kind() -> None:
    (only_plus, *_) = routed(np.where(ord("+") == BYTE, 0, RANDOM)).experts
    assert [trait.name for trait in only_plus.traits] == ["“+”", "operator"]


def test_keywords_and_domains_are_traits() -> None:
    domain = np.arange(len(BYTE)) // LENGTH % 2
    keyword = np.zeros(len(BYTE), bool)
    for start in range(0, len(TEXT), 42):
        keyword[start + 19 : start + 25] = True
    found = routed(np.where(keyword & (domain == 1), 0, RANDOM), domain=domain)
    assert [trait.name for trait in found.experts[0].traits][:2] == ["keyword", "domain 1"]


def test_chance_gets_no_label() -> None:
    """A rare byte may lie in one expert by chance in one half; in the other it does not."""
    rng = np.random.default_rng(1)
    named = 0
    for seed in range(10):
        token = rng.zipf(1.3, 8000) % 256 if seed % 2 else rng.integers(0, 256, 8000)
        trace = planted(8, [rng.integers(0, 8, (8000, 1))], length=LENGTH, token=token)
        named += sum(bool(each.traits) for each in labels(trace, trace.layers[0]).experts)
    assert named <= 4


def test_snippets_come_from_different_examples_strongest_first() -> None:
    weight = np.linspace(0, 1, len(BYTE)).astype(np.float16)[:, None]
    found = routed(np.zeros(len(BYTE)), weight=[weight]).experts[0].snippets
    assert len({snippet.sequence for snippet in found}) == len(found)
    assert [snippet.strength for snippet in found] == sorted(
        (snippet.strength for snippet in found), reverse=True
    )
    first = found[0]
    at = first.sequence * LENGTH + first.position
    whole = TEXT[first.sequence * LENGTH : (first.sequence + 1) * LENGTH].decode()
    assert first.token == chr(BYTE[at])
    assert first.before + first.token + first.after in whole
    assert float(weight[at, 0]) == first.strength


def test_ties_go_to_the_first_token() -> None:
    found = routed(np.zeros(len(BYTE))).experts[0].snippets
    assert [snippet.position for snippet in found][:1] == [0]
    assert found[0].sequence == 0
    assert found[0].before == ""


def test_what_has_no_bytes_or_choices_is_refused() -> None:
    soft = soft_only()
    with pytest.raises(AnalysisError, match="no choices to count"):
        labels(soft, soft.layers[0])
    image = planted(4, [np.zeros((80, 1))])
    with pytest.raises(AnalysisError, match="not bytes"):
        labels(image, image.layers[0])
