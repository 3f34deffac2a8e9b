"""Mixtral (arXiv 2401.04088)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Eight wide experts, two a token; the same layer throughout."""
    f = w.frame(c, vocabulary=32000, width=4096, depth=32, context=131072, epsilon=1e-5)
    window = c.maybe("sliding_window", default=None)
    extra: JSON = {"window": window} if window else {}
    mixer = w.attention(c, f, heads=32, kv=8, rope=w.rope(c, theta=1e6), **extra)
    bank = w.bank(
        f,
        w.routing(c, k=2),
        experts=c.integer(*w.EXPERTS, default=8),
        hidden=c.integer("intermediate_size", default=14336),
        balance=w.load_balance(c, 0.001),
    )
    return f.design(f.layers(lambda i: w.layer(mixer, bank)))


FAMILY = Family(
    "Mixtral",
    ("mixtral",),
    ("MixtralForCausalLM",),
    write,
    signs=("num_local_experts", "num_experts_per_tok", "intermediate_size", "router_aux_loss_coef"),
)
