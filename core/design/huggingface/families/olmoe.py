"""OLMoE (arXiv 2409.02060)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """64 experts, eight a token; norms over all queries and all keys."""
    f = w.frame(c, vocabulary=50304, width=2048, depth=16, context=4096, epsilon=1e-5)
    if c.number("clip_qkv", default=0.0):
        c.note("Queries, keys and values are clipped (clip_qkv); that adds no weight and is not drawn.")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    mixer = w.attention(c, f, heads=16, kv=None, bias=bias, qk_norm="full", rope=w.rope(c))
    bank = w.bank(
        f,
        w.routing(c, k=8, normalised=c.flag(*w.NORMALISED, default=False)),
        experts=c.integer(*w.EXPERTS, default=64),
        hidden=c.integer("intermediate_size", default=2048),
        balance=w.load_balance(c, 0.01),
    )
    return f.design(f.layers(lambda i: w.layer(mixer, bank)))


FAMILY = Family(
    "OLMoE",
    ("olmoe",),
    ("OlmoeForCausalLM",),
    write,
    signs=("num_experts", "intermediate_size", "norm_topk_prob"),
)
