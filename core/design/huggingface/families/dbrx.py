"""DBRX."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """16 experts, four a token; layer norms without shift. Attention and experts are objects of their own."""
    f = w.frame(c, vocabulary=32000, width=2048, depth=24, context=2048, epsilon=1e-5)
    attn, ffn = c.inner("attn_config"), c.inner("ffn_config")
    ffn.ignore("hidden_size")
    if attn.number("clip_qkv", default=0.0):
        c.note("Queries, keys and values are clipped (clip_qkv); that adds no weight and is not drawn.")
    groups = attn.integer("kv_n_heads", default=c.integer("num_key_value_heads", default=1))
    theta = attn.number("rope_theta", default=10_000.0, low=1.0, high=1e12)
    mixer = w.attention(c, f, heads=16, kv=groups, rope=w.rope(c, theta=theta))
    normalised = ffn.number("moe_normalize_expert_weights", default=1.0) != 0
    act = ffn.inner("ffn_act_fn").word("name", default="silu", known=w.ACTIVATIONS)
    bank = w.bank(
        f,
        w.routing(ffn, k=1, normalised=normalised),
        experts=ffn.integer(*w.EXPERTS, default=4),
        hidden=ffn.integer("ffn_hidden_size", default=3584),
        activation=act,
        balance=w.load_balance(ffn, 0.01),
    )
    return f.design(f.layers(lambda i: w.layer({**mixer, "kv_heads": groups}, bank)), norm={"kind": "layer"})


FAMILY = Family("DBRX", ("dbrx",), ("DbrxForCausalLM",), write, signs=("attn_config", "ffn_config"))
