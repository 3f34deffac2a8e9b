"""Softmax attention with grouped heads, windows, chunks, query-key norms and a gated output."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.design.bodies.attention import Attention as AttentionSpec
from core.design.bodies.attention import Rope
from core.design.spec import Norm as NormSpec
from core.model.bodies.base import BODIES, Place, Routed, Sight
from core.model.norms import Norm


@BODIES.register(AttentionSpec)
class Attention(nn.Module):
    """Project, norm queries and keys, rotate, attend, gate, project back.

    Shapes: N query heads over G key and value heads; P query and key head width, Q value head width.
    A window of w lets a query see itself and the w - 1 positions before it (on both sides where not causal);
    a chunk of c lets it see its own block of c positions. The gate (Qwen3-Next) is the second part of the
    query projection, as wide as the attention output, and goes through a sigmoid.
    """

    def __init__(self, spec: AttentionSpec, place: Place) -> None:
        super().__init__()
        D, self.spec = place.width, spec
        self.head, self.value_head = spec.head(D), spec.value(D)
        self.inner = spec.heads * self.value_head
        queries, keys = spec.heads * self.head, spec.kv_heads * self.head
        self.split = (queries, self.inner) if spec.gate else (queries,)
        self.query = nn.Linear(D, sum(self.split), spec.query_bias)
        self.key = nn.Linear(D, keys, spec.key_bias)
        self.value = nn.Linear(D, spec.kv_heads * self.value_head, spec.value_bias)
        self.output = nn.Linear(self.inner, D, spec.output_bias)
        make = _QK_NORMS[spec.qk_norm]
        self.query_norm = make(self.head, spec.heads, place.norm.epsilon)
        self.key_norm = make(self.head, spec.kv_heads, place.norm.epsilon)

    def forward(self, x_BSD: Tensor, sight: Sight) -> tuple[Tensor, Routed | None]:
        spec = self.spec
        query, *gate = self.query(x_BSD).split(self.split, -1)
        # Attention wants [B, heads, S, width].
        query_BNSP = self.query_norm(query.unflatten(-1, (spec.heads, self.head))).transpose(1, 2)
        key_BGSP = self.key_norm(self.key(x_BSD).unflatten(-1, (spec.kv_heads, self.head))).transpose(1, 2)
        value_BGSQ = self.value(x_BSD).unflatten(-1, (spec.kv_heads, self.value_head)).transpose(1, 2)
        if spec.rope is not None:
            query_BNSP, key_BGSP = (rotate(heads, spec.rope, sight) for heads in (query_BNSP, key_BGSP))
        allowed = sight.allowed(spec.window, spec.chunk)
        y_BNSQ = F.scaled_dot_product_attention(
            query_BNSP,
            key_BGSP,
            value_BGSQ,
            attn_mask=allowed,
            is_causal=sight.causal and allowed is None,
            scale=spec.scale,
            enable_gqa=spec.heads != spec.kv_heads,
        )
        y_BSO = y_BNSQ.transpose(1, 2).flatten(2)
        if gate:
            y_BSO = y_BSO * torch.sigmoid(gate[0])
        return self.output(y_BSO), None


def rotate(x: Tensor, rope: Rope, sight: Sight) -> Tensor:
    """Turn the first `fraction` of each head of x [B, heads, S, P] by its position; halves make the pairs."""
    width = int(x.shape[-1] * rope.fraction)
    cos, sin = sight.rotation(rope.theta, width)
    first, second, rest = x.split((width // 2, width // 2, x.shape[-1] - width), -1)
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), -1)


class HeadNorm(nn.Module):
    """RMS norm of [B, S, heads, P] with a learned scale: over each head, or `across` all heads at once."""

    def __init__(self, head: int, heads: int, epsilon: float, across: bool) -> None:
        super().__init__()
        self.across = across
        self.norm = Norm(NormSpec(kind="rms", epsilon=epsilon), head * heads if across else head)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x.flatten(2)).view_as(x) if self.across else self.norm(x)
        return y


class UnitNorm(nn.Module):
    """Heads at root mean square one, nothing learned (Llama-4). Rotation keeps it, so it may come first."""

    def __init__(self, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], None, self.epsilon)


_QK_NORMS: dict[str, Callable[[int, int, float], nn.Module]] = {
    "none": lambda head, heads, epsilon: nn.Identity(),
    "head": lambda head, heads, epsilon: HeadNorm(head, heads, epsilon, across=False),
    "full": lambda head, heads, epsilon: HeadNorm(head, heads, epsilon, across=True),
    "unit": lambda head, heads, epsilon: UnitNorm(epsilon),
}
