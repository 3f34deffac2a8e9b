"""LFM2-MoE (arXiv 2511.23404): short convolutions, some attention, dense layers first."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Sigmoid scores with a selection bias; norms on queries and keys."""
    f = w.frame(c, vocabulary=65536, width=2048, depth=32, context=128000, epsilon=1e-5, tied=True)
    full = w.attention(c, f, heads=32, kv=8, qk_norm="head", rope=w.rope(c, theta=1e6))
    conv = {
        "kind": "short_conv",
        "conv": c.integer("conv_L_cache", default=3),
        "bias": c.flag("conv_bias", default=False),
    }
    attends = c.integers("full_attn_idxs")
    kinds = w.kinds(
        c, f, "layer_types", default=lambda i: "full" if attends is None or i in attends else "conv"
    )
    normalised = c.flag(*w.NORMALISED, default=True)
    bank = w.bank(
        f,
        w.routing(c, k=4, function="sigmoid", normalised=normalised),
        experts=c.integer(*w.EXPERTS, default=32),
        hidden=c.integer(*w.EXPERT_WIDTH, default=1792),
        balance=w.biased(c) if c.flag("use_expert_bias", default=True) else w.load_balance(c, 0.0),
    )
    dense = w.plain(f, c.integer("intermediate_size", default=7168))
    first = c.integer("num_dense_layers", default=2, low=0)
    return f.design(
        f.layers(lambda i: w.layer(full if kinds[i] == "full" else conv, dense if i < first else bank))
    )


FAMILY = Family(
    "LFM2-MoE",
    ("lfm2_moe",),
    ("Lfm2MoeForCausalLM",),
    write,
    signs=("conv_L_cache", "num_dense_layers"),
    ignores=frozenset({"block_dim", "conv_dim", "conv_dim_out", "conv_use_xavier_init", "use_pos_enc"}),
)
