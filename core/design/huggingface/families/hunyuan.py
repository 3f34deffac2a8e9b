"""Hunyuan-A13B and kin: one shared MLP beside the experts; sizes may be listed for each layer."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import FFN_KINDS
from core.design.huggingface.family import JSON, Family
from core.design.presets.pieces import router


def write(c: Config) -> JSON:
    """Experts, k, widths and shared experts for each layer; norms on queries and keys."""
    f = w.frame(c, vocabulary=290943, width=4096, depth=32, context=2048, epsilon=1e-5)
    if c.flag("use_cla", default=False):
        raise w.refuse(
            "use_cla",
            "Keys and values shared between layers (use_cla) cannot be drawn.",
            "import another model",
        )
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    norm: JSON = {"qk_norm": "head"} if c.flag("use_qk_norm", default=True) else {}
    mixer = w.attention(c, f, heads=32, kv=None, bias=bias, rope=w.rope(c), **norm)
    hidden = c.integer("intermediate_size", default=11008)
    experts = c.each(*w.EXPERTS, length=f.depth, default=1, low=1)
    chosen = c.each(*w.PER_TOKEN, length=f.depth, default=1, low=1)
    widths = c.each(*w.EXPERT_WIDTH, length=f.depth, default=hidden, low=1)
    shared = c.each(*w.SHARED, length=f.depth, default=1)
    mixed = c.flag("use_mixed_mlp_moe", default=True)
    skipped = c.integer("moe_layer_num_skipped", default=0, low=0)

    # One expert everywhere is a bank of one in the class of transformers, and a plain FFN in the older code.
    lone = c.text("model_type") == "hunyuan" or len(set(experts)) > 1

    def one(i: int) -> JSON:
        if i < skipped or (lone and experts[i] == 1):
            return w.layer(mixer, w.plain(f, hidden))
        route = router(chosen[i])
        beside = shared[i] * hidden if mixed else 0
        return w.layer(mixer, w.bank(f, route, experts=experts[i], hidden=widths[i], shared=beside))

    return f.design(f.layers(one))


def write_3(c: Config) -> JSON:
    """Hunyuan 3: sigmoid scores with a selection bias, one shared expert, the first layer dense."""
    f = w.frame(c, vocabulary=120832, width=4096, depth=80, context=131072, epsilon=1e-5)
    c.ignore("enable_moe_fp32_combine", "mlp_bias")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    mixer = w.attention(c, f, heads=64, kv=8, head=128, bias=bias, qk_norm="head", rope=w.rope(c))
    scale = c.number("router_scaling_factor", default=2.826, low=1e-9, high=1e4)
    each = c.integer(*w.EXPERT_WIDTH, default=1536)
    bank = w.bank(
        f,
        w.routing(c, k=8, function="sigmoid", scale=scale),
        experts=c.integer(*w.EXPERTS, default=192),
        hidden=each,
        shared=(c.maybe(*w.SHARED, default=1, low=0) or 0) * each,
        balance=w.biased(c),
    )
    dense = w.plain(f, c.integer("intermediate_size", default=13312))
    listed = c.words("mlp_layer_types", known=FFN_KINDS, length=f.depth)
    sparse = [kind == "moe" for kind in listed] if listed else [i > 0 for i in range(f.depth)]
    return f.design(f.layers(lambda i: w.layer(mixer, bank if sparse[i] else dense)))


#: Keys of its own, or of other models that its tools write, that change nothing here.
_BESIDE = """
    add_classification_head cla_share_factor class_num dense_list enable_lm_head_fp32
    group_limited_greedy kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim
    mask_init_id mlp_bias moe_drop_tokens moe_random_routing_dropped_token n_group topk_group norm_type
    num_media_embeds org_vocab_size pool_type position_embedding_xdrope routed_scaling_factor
    norm_topk_prob use_mla use_rotary_pos_emb im_newline_id skip_cls_token sep_token_id head_dim
    capacity_factor
"""

FAMILY = Family(
    "Hunyuan-MoE",
    ("hunyuan_v1_moe", "hunyuan"),
    ("HunYuanMoEV1ForCausalLM", "HunYuanMoEForCausalLM"),
    write,
    signs=("moe_topk", "num_experts"),
    ignores=frozenset(_BESIDE.split()),
)
HY3 = Family("Hunyuan 3", ("hy_v3",), ("HYV3ForCausalLM",), write_3)
