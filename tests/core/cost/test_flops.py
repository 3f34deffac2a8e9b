"""FLOPs against sums over single queries."""

import pytest

from core.cost.count import count
from core.cost.flops import flops, mean_keys
from core.design.presets.registry import preset
from core.design.spec import Design


def design(attention=None, causal=True, task=None):
    body = {"kind": "attention", "heads": 2, "kv_heads": 2, **(attention or {})}
    return Design.model_validate(
        {
            "width": 8,
            "task": task or {"kind": "language_model", "context": 10},
            "stacks": [{"causal": causal, "layers": [{"pattern": [{"parts": [{"body": body}]}]}]}],
        }
    )


@pytest.mark.parametrize("tokens", [1, 2, 7, 10])
@pytest.mark.parametrize(
    ("attention", "seen"),
    [
        ({}, lambda i: i + 1),
        ({"window": 3}, lambda i: min(i + 1, 3)),
        ({"chunk": 3}, lambda i: i % 3 + 1),
        ({"window": 50}, lambda i: i + 1),
    ],
)
def test_mean_keys_is_the_mean_over_queries(attention, seen, tokens):
    part = next(p for p in count(design(attention)).parts if p.kind == "attention")
    assert mean_keys(part, tokens) == pytest.approx(sum(seen(i) for i in range(tokens)) / tokens)


def test_both_attention_conventions():
    counts = count(design())
    full, half = flops(counts, 10, causal_half=False), flops(counts, 10)
    assert full.attention == 2 * 10 * 2 * (4 + 4)
    assert half.attention == full.attention * 11 / 20
    assert full.gemm == half.gemm == 2 * (4 * 8 * 8 + 256 * 8)
    assert full.train == 3 * full.forward


def test_later_tokens_are_seen_without_causality():
    assert flops(count(design(causal=False)), 10).attention == 2 * 10 * 2 * 8


def test_pixels_need_no_gradient_and_a_classifier_answers_once():
    image = {
        "kind": "image_classifier",
        "height": 8,
        "width": 8,
        "patch": 2,
        "heads": [{"name": "a", "size": 5}],
    }
    out = flops(count(design(causal=False, task=image)))
    parts = {part.kind: part for part in out.parts}
    assert parts["input"].forward == parts["input"].backward == 2 * 8 * 4
    assert parts["head"].forward == 2 * 5 * 8 / 16
    assert parts["head"].backward == 2 * parts["head"].forward


def test_weight_products_are_twice_the_parameters_a_token_meets():
    """Of Mixtral's R2 only norms are no product."""
    counts = count(preset("mixtral-8x7b"))
    norms = dict(counts.by_role)["norm"]
    assert flops(counts).gemm == 2 * (counts.active("R2") - norms)


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        flops(count(design()), 0)
