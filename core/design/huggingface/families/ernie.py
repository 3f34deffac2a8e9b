"""ERNIE 4.5 MoE."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Experts in a range of layers, two shared; the class stores the selection bias as a parameter."""
    f = w.frame(c, vocabulary=103424, width=2560, depth=28, context=131072, epsilon=1e-5, tied=True)
    c.ignore(
        "moe_norm_min", "moe_use_aux_free", "moe_gate", "moe_capacity", "moe_dropout_prob", "moe_gate_act"
    )
    c.ignore(
        "moe_layer_start_index",
        "moe_layer_end_index",
        "compression_ratio",
        "rope_reduction",
        "weight_share_add_bias",
    )
    biased = c.flag("use_bias", default=False)
    theta = w.rope(c, theta=500000.0)
    mixer = w.attention(c, f, heads=20, kv=4, bias="qkvo" if biased else "", rope=theta)
    each = c.integer(*w.EXPERT_WIDTH, default=1536)
    beside = c.maybe(*w.SHARED, default=2, low=0) or 0
    bank = w.bank(
        f,
        w.routing(c, k=6),
        experts=c.integer(*w.EXPERTS, default=64),
        hidden=each,
        shared=beside * each,
        bias="shared" if biased else "",
        balance=[{"kind": "bias_update", "counted": True}, *w.load_balance(c, 0.001)],
    )
    dense = w.plain(f, c.integer("intermediate_size", default=12288), bias=biased)
    first = c.integer("moe_layer_start_index", default=1, low=0)
    last = c.integer("moe_layer_end_index", default=-1, low=-1)
    every = c.integer("moe_layer_interval", default=1)
    end = f.depth - 1 if last == -1 else last

    def one(i: int) -> JSON:
        return w.layer(mixer, bank if first <= i <= end and (i + 1) % every == 0 else dense)

    return f.design(f.layers(one), embedding={"head_bias": True} if biased else {})


FAMILY = Family(
    "ERNIE-4.5-MoE",
    ("ernie4_5_moe",),
    ("Ernie4_5_MoeForCausalLM", "Ernie4_5_MoEForCausalLM"),
    write,
    signs=("moe_num_experts", "moe_layer_start_index"),
)
