"""MiMo-V2: windows with sinks and more key heads, narrow values."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import FFN_KINDS, METHODS, SCORES
from core.design.huggingface.family import JSON, Family


def write(c: Config) -> JSON:
    """One full layer in six; the first layer is dense. Old lists say 1 for a window and 1 for experts."""
    f = w.frame(c, vocabulary=152576, width=4096, depth=48, context=131072, epsilon=1e-5)
    c.ignore("attention_chunk_size", "attention_projection_layout", "hybrid_block_size")
    if c.number("attention_value_scale", default=0.707) != 1:
        c.note(
            "Values are scaled by a constant (attention_value_scale); that adds no weight and is not drawn."
        )
    full, near = _mixers(c, f)
    windows = c.integers("hybrid_layer_pattern", length=f.depth)
    kinds = w.kinds(c, f, "layer_types", default=lambda i: _kind(i, windows))
    sparse = _sparse(c, f)
    c.word("topk_method", default="noaux_tc", known=METHODS)
    function = c.word("scoring_func", default="sigmoid", known=SCORES)
    route = w.routing(c, k=8, function=function, normalised=c.flag(*w.NORMALISED, default=True))
    islands = w.grouped(c, route, groups=1, top=1, score="top2_sum")
    each = c.integer(*w.EXPERT_WIDTH, default=2048)
    bank = w.bank(
        f,
        route,
        experts=c.integer(*w.EXPERTS, default=256),
        hidden=each,
        shared=(c.maybe(*w.SHARED, default=None, low=0) or 0) * each,
        balance=w.biased(c),
        **islands,
    )
    dense = w.plain(f, c.integer("intermediate_size", default=16384))
    return f.design(
        f.layers(lambda i: w.layer(near if kinds[i] == "window" else full, bank if sparse[i] else dense))
    )


def _mixers(c: Config, f: w.Frame) -> tuple[JSON, JSON]:
    bias = "qkv" if c.flag("attention_bias", default=False) else ""
    value = c.integer("v_head_dim", default=128)
    turned = w.rope(c, theta=5e6, fraction=0.334, kind="full_attention")
    full = w.attention(c, f, heads=64, kv=4, head=192, bias=bias, value_width=value, rope=turned)
    theta = c.number("swa_rope_theta", default=10_000.0, low=1.0, high=1e12)
    local = c.inner("rope_parameters").inner("sliding_attention")
    local.ignore("rope_type", "partial_rotary_factor")
    near = {
        **full,
        "heads": c.integer("swa_num_attention_heads", default=full["heads"]),
        "kv_heads": c.integer("swa_num_key_value_heads", default=2 * full["kv_heads"]),
        "head_width": c.integer("swa_head_dim", default=full["head_width"]),
        "value_width": c.integer("swa_v_head_dim", default=value),
        "rope": {**turned, "theta": local.number("rope_theta", default=theta, low=1.0, high=1e12)},
        "window": _window(c),
    }
    if c.flag("add_swa_attention_sink_bias", default=True):
        near["sinks"] = True
    if c.flag("add_full_attention_sink_bias", default=False):
        full["sinks"] = True
    return full, near


def _window(c: Config) -> int:
    """`sliding_window_size` counts earlier tokens, `sliding_window` the token itself too."""
    earlier = c.maybe("sliding_window_size", default=None, low=0)
    both = c.integer("sliding_window", default=129)
    return both if earlier is None else earlier + 1


def _kind(i: int, windows: tuple[int, ...] | None) -> str:
    if windows is not None:
        return "window" if windows[i] else "full"
    return "full" if i == 0 or not (i + 1) % 6 else "window"


def _sparse(c: Config, f: w.Frame) -> tuple[bool, ...]:
    listed = c.words("mlp_layer_types", known=FFN_KINDS, length=f.depth)
    old = c.integers("moe_layer_freq", length=f.depth)
    if listed is not None:
        return tuple(kind == "moe" for kind in listed)
    return tuple(bool(entry) for entry in old) if old else tuple(i > 0 for i in range(f.depth))


FAMILY = Family(
    "MiMo-V2",
    ("mimo_v2_flash", "mimo_v2"),
    ("MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM"),
    write,
    signs=("swa_num_key_value_heads", "n_routed_experts"),
)
