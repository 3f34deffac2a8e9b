"""Parts of ordinary proportions, as JSON: what a new part looks like where a design has none to be like."""

from __future__ import annotations

from typing import Any


def attention(width: int, *, rotary: bool) -> dict[str, Any]:
    """Softmax attention with as many heads as divide the width; rotary positions where asked for and even."""
    heads = next(h for h in (8, 4, 2, 1) if width % (2 * h) == 0 or h == 1)
    rope: dict[str, Any] | None = {} if rotary and width % (2 * heads) == 0 else None
    return {"kind": "attention", "heads": heads, "kv_heads": heads, "rope": rope}


def dense(width: int) -> dict[str, Any]:
    """A gated FFN four times as wide as the stream."""
    return {"kind": "dense", "expert": {"kind": "glu", "hidden": 4 * width}}


def moe(width: int) -> dict[str, Any]:
    """Eight gated experts, two of them for each token."""
    return {
        "kind": "moe",
        "experts": [{"kind": "glu", "count": 8, "hidden": 2 * width}],
        "router": {
            "score": {"kind": "linear"},
            "select": {"kind": "top_k", "k": 2},
            "weigh": {"kind": "renormalised"},
            "combine": {"kind": "output_mix"},
        },
        "balance": [{"kind": "load_balance", "coefficient": 0.01}],
    }


def repeat(*bodies: dict[str, Any]) -> dict[str, Any]:
    """One layer of these bodies, once."""
    return {"times": 1, "pattern": [{"parts": [{"body": body} for body in bodies]}]}
