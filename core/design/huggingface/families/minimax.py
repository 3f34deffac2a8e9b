"""MiniMax-01 (arXiv 2501.08313) and MiniMax-M2."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import SCORES
from core.design.huggingface.family import JSON, Family

_FACTORS = tuple(
    f"{kind}_{letter}_factor" for kind in ("full_attn", "linear_attn", "mlp") for letter in ("alpha", "beta")
)
_OLD_FACTORS = tuple(
    f"layernorm_{kind}_{letter}"
    for kind in ("full_attention", "linear_attention", "mlp")
    for letter in ("alpha", "beta")
)


def write_01(c: Config) -> JSON:
    """Lightning attention, softmax attention in between."""
    f = w.frame(c, vocabulary=32000, width=4096, depth=32, context=131072, epsilon=1e-5)
    c.ignore("block_size", "rotary_dim", "postnorm", "shared_moe_mode", "sliding_window")
    if c.integer("shared_intermediate_size", default=0, low=0):
        raise w.refuse(
            "shared_intermediate_size", "A shared expert in MiniMax-01 is not known here.", "set it to 0"
        )
    c.note("The residual stream is the normed one, with factors; its norms are drawn before each part.")
    c.ignore(*_FACTORS, *_OLD_FACTORS)
    full = w.attention(c, f, heads=32, kv=8, rope=w.rope(c, theta=1e6))
    linear = {"kind": "lightning", "heads": full["heads"], "head_width": full["head_width"]}
    listed = c.integers("attn_type_list", length=f.depth)
    kinds = w.kinds(
        c,
        f,
        "layer_types",
        default=lambda i: ("full" if listed[i] else "linear") if listed else ("linear" if i % 2 else "full"),
    )
    bank = w.bank(
        f,
        w.routing(c, k=2),
        experts=c.integer(*w.EXPERTS, default=8),
        hidden=c.integer("intermediate_size", default=14336),
        balance=w.load_balance(c, 0.001),
    )
    return f.design(f.layers(lambda i: w.layer(linear if kinds[i] == "linear" else full, bank)))


def write_m2(c: Config) -> JSON:
    """Softmax attention throughout, norms over all queries and keys, sigmoid scores with a selection bias."""
    f = w.frame(c, vocabulary=200064, width=3072, depth=62, context=196608)
    c.ignore("layer_types", "attn_type_list", "use_mtp", "mtp_transformer_layers", "shared_intermediate_size")
    c.ignore("use_routing_bias", "qk_norm_type", "use_qk_norm", "rotary_dim", "sliding_window")
    c.ignore("num_mtp_modules", *_OLD_FACTORS)
    mixer = w.attention(c, f, heads=48, kv=8, head=128, qk_norm="full")
    turned = c.integer("rotary_dim", default=64) / mixer["head_width"]
    mixer["rope"] = w.rope(c, theta=5e6, fraction=min(1.0, turned))
    bank = w.bank(
        f,
        w.routing(c, k=8, function=c.word("scoring_func", default="sigmoid", known=SCORES)),
        experts=c.integer(*w.EXPERTS, default=256),
        hidden=c.integer("intermediate_size", default=1536),
        balance=w.biased(c, 0.001),
    )
    return f.design(f.layers(lambda i: w.layer(mixer, bank)))


MINIMAX = Family(
    "MiniMax-01",
    ("minimax", "minimax_text_01"),
    ("MiniMaxForCausalLM", "MiniMaxText01ForCausalLM"),
    write_01,
    signs=("num_local_experts", "linear_attn_alpha_factor"),
)
M2 = Family("MiniMax-M2", ("minimax_m2",), ("MiniMaxM2ForCausalLM",), write_m2)
