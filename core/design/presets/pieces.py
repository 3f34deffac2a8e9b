"""Short words for the pieces that presets are made of. All return JSON, as a user would write it."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


def glu(hidden: int, count: int = 1, **more: Any) -> JSON:
    """Gated experts."""
    return {"kind": "glu", "hidden": hidden, "count": count, **more}


def mlp(hidden: int, count: int = 1, **more: Any) -> JSON:
    """Two-matrix experts."""
    return {"kind": "mlp", "hidden": hidden, "count": count, **more}


def dense(expert: JSON) -> JSON:
    """A dense FFN."""
    return {"kind": "dense", "expert": expert}


def router(
    k: int, *, function: str = "softmax", weigh: str = "renormalised", scale: float = 1.0, **more: Any
) -> JSON:
    """A linear router with top-k."""
    return {
        "score": {"kind": "linear"},
        "score_function": function,
        "select": {"kind": "top_k", "k": k},
        "weigh": {"kind": weigh, "scale": scale},
        "combine": {"kind": "output_mix"},
        **more,
    }


def moe(experts: list[JSON], route: JSON, **more: Any) -> JSON:
    """An MoE layer."""
    return {"kind": "moe", "experts": experts, "router": route, **more}


def attention(heads: int, kv_heads: int | None = None, **more: Any) -> JSON:
    """Softmax attention."""
    return {"kind": "attention", "heads": heads, "kv_heads": kv_heads or heads, **more}


def layer(*bodies: JSON) -> JSON:
    """A layer whose parts stand one after the other."""
    return {"parts": [{"body": body} for body in bodies]}


def repeat(times: int, *pattern: JSON) -> JSON:
    """A pattern, so many times."""
    return {"times": times, "pattern": list(pattern)}


def language(context: int, vocabulary: int | None = None, **more: Any) -> JSON:
    """Bytes, or an external vocabulary."""
    if vocabulary is None:
        return {"kind": "language_model", "context": context}
    return {
        "kind": "language_model",
        "context": context,
        "vocabulary": vocabulary,
        "tokenizer": "external",
        **more,
    }


def decoder(*layers: JSON) -> list[JSON]:
    """One causal stack."""
    return [{"name": "decoder", "causal": True, "layers": list(layers)}]


def model(name: str, width: int, task: JSON, *layers: JSON, epsilon: float = 1e-6, **more: Any) -> JSON:
    """A decoder with root mean square norms."""
    return {
        "name": name,
        "width": width,
        "task": task,
        "norm": {"kind": "rms", "epsilon": epsilon},
        "stacks": decoder(*layers),
        **more,
    }


def latent(heads: int, *, q_rank: int | None = 1536, nope: int = 128, value: int = 128, **more: Any) -> JSON:
    """Multi-head latent attention of DeepSeek's ranks."""
    ranks = {"q_rank": q_rank, "kv_rank": 512}
    return {"kind": "mla", "heads": heads, **ranks, "nope": nope, "rope": 64, "value": value, **more}


def sigmoid_bank(experts: list[JSON], k: int, scale: float = 1.0, **more: Any) -> JSON:
    """Experts chosen by sigmoid scores and a bias that keeps them in use (arXiv 2412.19437)."""
    route = router(k, function="sigmoid", scale=scale)
    return moe(experts, route, balance=[{"kind": "bias_update", "step": 0.001}], **more)


def even(coefficient: float) -> list[JSON]:
    """The load-balance loss alone."""
    return [{"kind": "load_balance", "coefficient": coefficient}]
