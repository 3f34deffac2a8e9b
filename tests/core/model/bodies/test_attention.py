"""Attention against its definition written out pair by pair."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.design.bodies.attention import Attention as AttentionSpec
from core.design.spec import Norm
from core.model.bodies.attention import Attention
from core.model.bodies.base import Place
from core.model.initialise import initialise
from core.model.passing import Pass
from tests.strategies import attentions
from tests.support import close, sight

WIDTH = 8


def attention(fields: dict[str, Any]) -> Attention:
    spec = AttentionSpec.model_validate(fields)
    layer = Attention(spec, Place(WIDTH, Norm(), "auto", 0))
    initialise(layer, 3, 1)
    random = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if parameter.dim() == 1:
                parameter.copy_(torch.randn(parameter.shape, generator=random) + ("norm" in name))
    return layer


def turned(x: Tensor, position: int, spec: AttentionSpec) -> Tensor:
    """Rotary positions as complex numbers."""
    if spec.rope is None:
        return x
    pairs = int(len(x) * spec.rope.fraction) // 2
    turn = position * spec.rope.theta ** (-torch.arange(pairs) / pairs)
    number = torch.complex(x[:pairs], x[pairs : 2 * pairs]) * torch.polar(torch.ones(pairs), turn)
    return torch.cat((number.real, number.imag, x[2 * pairs :]))


def normed(x: Tensor, weight: Tensor | None) -> Tensor:
    y = x / (x.square().mean() + 1e-6).sqrt()
    return y if weight is None else y * weight


def prepared(row: Tensor, layer: Attention, heads: int, norm: torch.nn.Module, position: int) -> list[Tensor]:
    """Heads of one token's queries or keys, normed and turned."""
    weight = norm.norm.weight if layer.spec.qk_norm in ("head", "full") else None
    if layer.spec.qk_norm == "full":
        row = normed(row, weight)
    each = list(row.view(heads, layer.head))
    if layer.spec.qk_norm in ("head", "unit"):
        each = [normed(head, weight) for head in each]
    return [turned(head, position, layer.spec) for head in each]


def by_hand(layer: Attention, x_SD: Tensor, causal: bool, mask_S: Tensor) -> Tensor:
    spec, tokens = layer.spec, len(x_SD)
    query, key, value = layer.query(x_SD), layer.key(x_SD), layer.value(x_SD)
    queries = query[:, : spec.heads * layer.head]
    q = [prepared(queries[i], layer, spec.heads, layer.query_norm, i) for i in range(tokens)]
    k = [prepared(key[i], layer, spec.kv_heads, layer.key_norm, i) for i in range(tokens)]
    scale = spec.scale or 1 / math.sqrt(layer.head)
    rows = []
    for i in range(tokens):
        seen = [j for j in range(tokens) if i == j or (mask_S[j] and visible(i, j, spec, causal))]
        heads = []
        for n in range(spec.heads):
            group = n // (spec.heads // spec.kv_heads)
            weights = torch.softmax(torch.stack([scale * (q[i][n] @ k[j][group]) for j in seen]), 0)
            values = value[seen].view(len(seen), spec.kv_heads, layer.value_head)[:, group]
            heads.append(weights @ values)
        rows.append(torch.cat(heads))
    y_SO = torch.stack(rows)
    if spec.gate:
        y_SO = y_SO * torch.sigmoid(query[:, spec.heads * layer.head :])
    return layer.output(y_SO)


def visible(i: int, j: int, spec: AttentionSpec, causal: bool) -> bool:
    near = spec.window is None or abs(i - j) < spec.window
    same = spec.chunk is None or i // spec.chunk == j // spec.chunk
    return near and same and (j <= i or not causal)


@settings(max_examples=60)
@given(attentions(WIDTH), st.booleans(), st.booleans(), st.integers(1, 7))
def test_attention_is_its_definition(fields: dict[str, Any], causal: bool, padded: bool, tokens: int) -> None:
    layer = attention(fields)
    x_BSD = torch.randn(2, tokens, WIDTH, generator=torch.Generator().manual_seed(tokens))
    mask_BS = torch.ones(2, tokens, dtype=torch.bool)
    if padded:
        mask_BS[0, tokens // 2 :] = False
    passing = Pass(mask=mask_BS if padded else None)
    found, _ = layer(x_BSD, sight(2, tokens, passing, causal))
    wanted = torch.stack([by_hand(layer, x_BSD[b], causal, mask_BS[b]) for b in range(2)])
    assert close(found, wanted, 2e-5)
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_a_wide_window_leaves_the_fused_causal_path_alone() -> None:
    here = sight(1, 5)
    assert here.allowed(None, None) is None
    assert here.allowed(5, 8) is None
    assert here.allowed(4, None) is not None
    assert here.allowed(4, None) is here.allowed(4, 9)


@pytest.mark.parametrize("kind", ["rms", "layer"])
def test_norms_are_their_definitions(kind: str) -> None:
    from core.model.norms import Norm as NormModule

    norm = NormModule(Norm(kind=kind, epsilon=1e-3, bias=True), 6)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(4, 6)
    centred = x - x.mean(1, keepdim=True) if kind == "layer" else x
    wanted = centred / (centred.square().mean(1, keepdim=True) + 1e-3).sqrt() * norm.weight + norm.bias
    assert close(norm(x), wanted)
