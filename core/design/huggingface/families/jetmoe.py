"""JetMoE (arXiv 2404.07413): experts in attention and in the FFN."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Queries and outputs are experts; keys and values are shared. Both banks end in a bias."""
    f = w.frame(c, vocabulary=32000, width=2048, depth=12, context=4096, tied=True)
    c.ignore(*w.HEADS, "glu", "bias", "rotary_percent", "rope_theta", "rope_scaling", "rope_parameters")
    route = w.routing(c, k=2)
    experts = c.integer(*w.EXPERTS, default=8)
    mixer = {
        "kind": "routed_attention",
        "experts": experts,
        "kv_heads": c.integer("num_key_value_heads", default=16),
        "head_width": c.integer("kv_channels", "head_dim", default=128),
        "bias": True,
        "router": route,
    }
    hidden = c.integer("intermediate_size", "ffn_hidden_size", default=5632)
    balance = w.load_balance(c, 0.01)
    bank = w.bank(f, route, experts=experts, hidden=hidden, balance=balance, output_bias=True)
    return f.design(f.layers(lambda i: w.layer(mixer, bank)))


FAMILY = Family(
    "JetMoE", ("jetmoe",), ("JetMoeForCausalLM",), write, signs=("kv_channels", "num_local_experts")
)
