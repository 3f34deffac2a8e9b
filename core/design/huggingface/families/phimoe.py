"""Phi-3.5-MoE (arXiv 2404.14219)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Layer norms with shifts, biases on attention and head; its sparse mixer is drawn as raw top-k."""
    f = w.frame(c, vocabulary=32064, width=4096, depth=32, context=131072, epsilon=1e-5)
    c.note("The sparse mixer picks one expert after the other; it is drawn as raw top-k scores.")
    c.ignore("input_jitter_noise", "original_max_position_embeddings")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    window = c.maybe("sliding_window", default=None)
    extra: JSON = {"window": window} if window else {}
    mixer = w.attention(c, f, heads=32, kv=8, bias=bias, rope=w.rope(c, theta=1e6), **extra)
    bank = w.bank(
        f,
        w.routing(c, k=2, normalised=False, jitter=0.01),
        experts=c.integer(*w.EXPERTS, default=16),
        hidden=c.integer("intermediate_size", default=6400),
        balance=w.load_balance(c, 0.001),
    )
    return f.design(
        f.layers(lambda i: w.layer(mixer, bank)),
        norm={"kind": "layer", "bias": True},
        embedding={"head_bias": True} if c.flag("lm_head_bias", default=False) else {},
    )


FAMILY = Family(
    "Phi-MoE",
    ("phimoe",),
    ("PhimoeForCausalLM", "PhiMoEForCausalLM"),
    write,
    signs=("num_local_experts", "lm_head_bias", "input_jitter_noise"),
)
