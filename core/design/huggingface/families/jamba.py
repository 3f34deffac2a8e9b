"""Jamba (arXiv 2403.19887)."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """One attention layer in eight, experts in every second layer, no positions."""
    f = w.frame(c, vocabulary=65536, width=4096, depth=32, context=262144)
    c.ignore("calc_logits_for_entire_prompt", "sliding_window", "layers_block_type", "layer_types")
    mixer = w.attention(c, f, heads=32, kv=8, rope=None)
    state = {
        "kind": "mamba",
        "state": c.integer("mamba_d_state", default=16),
        "conv": c.integer("mamba_d_conv", default=4),
        "expand": c.integer("mamba_expand", default=2),
        "dt_rank": _rank(c, f),
        "conv_bias": c.flag("mamba_conv_bias", default=True),
        "bias": c.flag("mamba_proj_bias", default=False),
        "inner_norms": c.flag("mamba_inner_layernorms", default=True),
    }
    hidden = c.integer("intermediate_size", default=14336)
    experts = c.integer(*w.EXPERTS, default=16)
    balance = w.load_balance(c, 0.001)
    bank = w.bank(f, w.routing(c, k=2, normalised=False), experts=experts, hidden=hidden, balance=balance)
    dense = w.plain(f, hidden)
    attends = _every(c, f, "attn_layer", 8, 4)
    sparse = _every(c, f, "expert_layer", 2, 1)

    def one(i: int) -> JSON:
        return w.layer(mixer if attends[i] else state, bank if sparse[i] and experts > 1 else dense)

    return f.design(f.layers(one))


def _every(c: Config, f: w.Frame, name: str, period: int, offset: int) -> tuple[bool, ...]:
    turn = c.integer(f"{name}_period", default=period)
    start = c.integer(f"{name}_offset", default=offset, low=0)
    return tuple(i % turn == start for i in range(f.depth))


def _rank(c: Config, f: w.Frame) -> int:
    automatic = -(-f.width // 16)
    if c.is_text("mamba_dt_rank"):
        c.word("mamba_dt_rank", default="auto", known={"auto": "auto"})
        return automatic
    return c.integer("mamba_dt_rank", default=automatic)


FAMILY = Family(
    "Jamba",
    ("jamba",),
    ("JambaForCausalLM",),
    write,
    signs=("attn_layer_period", "expert_layer_period", "mamba_d_state"),
)
