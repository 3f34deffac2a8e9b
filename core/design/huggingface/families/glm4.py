"""GLM-4.5 (arXiv 2508.06471) and dots.llm1 (arXiv 2506.05767): DeepSeek's experts on grouped attention."""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.families.deepseek import METHODS, SCORES, dense_first
from core.design.huggingface.family import JSON, Family


def _bank(
    c: Config,
    f: w.Frame,
    *,
    experts: int | None,
    k: int | None,
    hidden: int,
    shared: int | None,
    normalised: bool,
    loss: float = 0.0,
) -> JSON:
    c.word("topk_method", default="noaux_tc", known=METHODS)
    function = c.word("scoring_func", default="sigmoid", known=SCORES)
    route = w.routing(c, k=k, function=function, normalised=c.flag(*w.NORMALISED, default=normalised))
    islands = w.grouped(c, route, groups=1, top=1, score="top2_sum")
    each = c.integer(*w.EXPERT_WIDTH, default=hidden)
    beside = c.maybe(*w.SHARED, default=shared, low=0) or 0
    count = c.integer(*w.EXPERTS, default=experts)
    balance = w.biased(c, loss)
    return w.bank(f, route, experts=count, hidden=each, shared=beside * each, balance=balance, **islands)


def write_glm(c: Config) -> JSON:
    """Biases on queries, keys and values; norms on queries and keys in the larger ones; half rotary."""
    norm: JSON = {"qk_norm": "head"} if c.flag("use_qk_norm", default=False) else {}
    return _write_glm(c, norm, vocabulary=151552, context=131072, biased=False)


def write_glm_v(c: Config) -> JSON:
    """The text model of GLM-4.5V: biases where the config is silent, no norms on queries and keys."""
    c.ignore("use_qk_norm")
    return _write_glm(c, {}, vocabulary=151424, context=65536, biased=True, loss=1e-4)


def _write_glm(
    c: Config, norm: JSON, *, vocabulary: int, context: int, biased: bool, loss: float = 0.0
) -> JSON:
    f = w.frame(c, vocabulary=vocabulary, width=4096, depth=46, context=context, epsilon=1e-5)
    bias = "qkv" if c.flag("attention_bias", default=biased) else ""
    mixer = w.attention(c, f, heads=96, kv=8, bias=bias, rope=w.rope(c, fraction=0.5), **norm)
    bank = _bank(c, f, experts=128, k=8, hidden=1408, shared=1, normalised=True, loss=loss)
    dense = w.plain(f, c.integer("intermediate_size", default=10944))
    sparse = dense_first(c, f, 1)
    return f.design(f.layers(lambda i: w.layer(mixer, bank if sparse[i] else dense)))


def write_dots(c: Config) -> JSON:
    """Norms on queries and keys; windows from `max_window_layers` on."""
    f = w.frame(c, vocabulary=152064, width=4608, depth=62, context=2048)
    c.ignore("use_sliding_window")
    bias = "qkvo" if c.flag("attention_bias", default=False) else ""
    mixer = w.attention(c, f, heads=32, kv=32, bias=bias, qk_norm="head", rope=w.rope(c))
    bank = _bank(c, f, experts=None, k=None, hidden=1408, shared=None, normalised=False)
    dense = w.plain(f, c.integer("intermediate_size", default=10944))
    sparse = dense_first(c, f, 0)
    window = c.maybe("sliding_window", default=4096)
    last = c.maybe("max_window_layers", default=62, low=0)
    far = f.depth if window is None or last is None else last
    kinds = w.kinds(c, f, "layer_types", default=lambda i: "window" if i >= far else "full")
    near = {**mixer, "window": window} if window else mixer
    return f.design(
        f.layers(lambda i: w.layer(near if kinds[i] == "window" else mixer, bank if sparse[i] else dense))
    )


GLM4 = Family(
    "GLM-4.5",
    ("glm4_moe",),
    ("Glm4MoeForCausalLM",),
    write_glm,
    signs=("n_routed_experts", "first_k_dense_replace", "use_qk_norm"),
)
GLM4V = Family(
    "GLM-4.5V",
    ("glm4v_moe_text", "glm4v_moe"),
    ("Glm4vMoeForConditionalGeneration",),
    write_glm_v,
    ties="either",
)
DOTS = Family(
    "dots.llm1",
    ("dots1",),
    ("Dots1ForCausalLM",),
    write_dots,
    signs=("n_routed_experts", "first_k_dense_replace", "max_window_layers"),
)
