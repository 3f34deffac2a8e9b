"""Kimi Linear (arXiv 2510.26692): three delta layers for each latent attention layer without positions."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import SCORES, dense_first
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """Layers are listed by kind, or, counted from 1, inside `linear_attn_config`."""
    f = w.frame(c, vocabulary=163840, width=2304, depth=27, context=1048576, epsilon=1e-5, tied=None)
    c.ignore("mla_use_nope", "use_grouped_topk", "linear_attn_config")
    inner = c.inner("linear_attn_config")
    delta = {
        "kind": "kda",
        "heads": inner.integer("num_heads", default=c.integer("linear_num_heads", default=32)),
        "head_width": inner.integer("head_dim", default=c.integer("linear_head_dim", default=128)),
        "conv": inner.integer(
            "short_conv_kernel_size", default=c.integer("linear_conv_kernel_dim", default=4)
        ),
    }
    full_layers = inner.integers("full_attn_layers")
    inner.integers("kda_layers")
    kinds = w.kinds(c, f, "layer_types", default=lambda i: _kind(i, full_layers))
    mixer = w.latent(c, heads=32, q_rank=None)
    function = c.word("moe_router_activation_func", "scoring_func", default="sigmoid", known=SCORES)
    normalised = c.flag(*w.NORMALISED, default=True)
    route = w.routing(c, k=8, function=function, normalised=normalised, scale=2.446)
    islands = w.grouped(c, route, groups=1, top=1, score="top2_sum")
    each = c.integer(*w.EXPERT_WIDTH, default=1024)
    bank = w.bank(
        f,
        route,
        experts=c.integer(*w.EXPERTS, default=256),
        hidden=each,
        shared=(c.maybe(*w.SHARED, default=1, low=0) or 0) * each,
        balance=w.biased(c),
        **islands,
    )
    dense = w.plain(f, c.integer("intermediate_size", default=9216))
    sparse = dense_first(c, f, 1)
    return f.design(
        f.layers(lambda i: w.layer(delta if kinds[i] == "linear" else mixer, bank if sparse[i] else dense))
    )


def _kind(i: int, full: tuple[int, ...] | None) -> str:
    if full is not None:
        return "full" if i + 1 in full else "linear"
    return "full" if i and i % 4 == 0 else "linear"


FAMILY = Family(
    "Kimi-Linear",
    ("kimi_linear",),
    ("KimiLinearForCausalLM",),
    write,
    signs=("kv_lora_rank", "num_experts"),
)
