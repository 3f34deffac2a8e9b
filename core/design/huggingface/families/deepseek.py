"""DeepSeek-V2 and -V3 and their kin: latent attention, dense layers first, groups of experts.

arXiv 2405.04434, 2412.19437; Kimi-K2 (arXiv 2507.20534), Moonlight (arXiv 2502.16982), GLM-5, DeepSeek-V3.2.
"""

from __future__ import annotations

from core.design.huggingface import words as w
from core.design.huggingface.config import Config
from core.design.huggingface.family import JSON, Family

SCORES = {"softmax": "softmax", "sigmoid": "sigmoid"}
FFN_KINDS = {"dense": "dense", "sparse": "moe"}
METHODS = {"greedy": "greedy", "group_limited_greedy": "groups", "noaux_tc": "bias"}


def dense_first(c: Config, f: w.Frame, first: int) -> tuple[bool, ...]:
    """Which layers have experts: after `first_k_dense_replace`, every `moe_layer_freq`-th, or as listed."""
    listed = c.words("mlp_layer_types", known=FFN_KINDS, length=f.depth)
    start = c.integer("first_k_dense_replace", default=first, low=0)
    if c.is_list("moe_layer_freq"):
        old = c.integers("moe_layer_freq", length=f.depth) or ()
        return tuple(bool(entry) for entry in old)
    every = c.integer("moe_layer_freq", default=1)
    if listed is not None:
        return tuple(kind == "moe" for kind in listed)
    return tuple(i >= start and i % every == 0 for i in range(f.depth))


def write_v2(c: Config) -> JSON:
    """Softmax scores, not renormalised; groups only where the method says so."""
    f = w.frame(c, vocabulary=102400, width=4096, depth=32, context=2048)
    method = c.word("topk_method", default="greedy", known=METHODS)
    function = c.word("scoring_func", default="softmax", known=SCORES)
    route = w.routing(c, k=None, function=function, normalised=c.flag(*w.NORMALISED, default=False))
    c.ignore("n_group", "topk_group", "moe_layer_freq")
    islands = w.grouped(c, route, groups=None, top=None, score="max") if method != "greedy" else {}
    return _write(
        c,
        f,
        w.latent(c, heads=32, q_rank=1536),
        route,
        {**islands, "balance": w.load_balance(c, 0.0)},
        experts=64,
        hidden=1407,
        shared=2,
        first=0,
        dense=11008,
        bias=c.flag("mlp_bias", default=False),
    )


def write_v3(c: Config) -> JSON:
    """Sigmoid scores, a selection bias that balances without a loss, groups scored by their two best."""
    return _write_v3(c, indexed=c.has("index_topk"))


def write_v32(c: Config) -> JSON:
    """As DeepSeek-V3, with an indexer that picks keys."""
    return _write_v3(c, indexed=True)


def _write_v3(c: Config, *, indexed: bool) -> JSON:
    f = w.frame(c, vocabulary=129280, width=7168, depth=61, context=4096)
    c.ignore("num_key_value_heads", "layer_types", "mlp_bias")
    c.word("topk_method", default="noaux_tc", known=METHODS)
    function = c.word("scoring_func", default="sigmoid", known=SCORES)
    normalised = c.flag(*w.NORMALISED, default=True)
    route = w.routing(c, k=8, function=function, normalised=normalised, scale=2.5)
    islands = w.grouped(c, route, groups=8, top=4, score="top2_sum")
    balance = {"balance": w.biased(c)}
    mixer = w.latent(c, heads=128, q_rank=1536)
    if indexed:
        mixer["indexer"] = _indexer(c, 64)
    return _write(
        c, f, mixer, route, {**islands, **balance}, experts=256, hidden=2048, shared=1, first=3, dense=18432
    )


def write_glm5(c: Config) -> JSON:
    """As DeepSeek-V3, with an indexer that picks keys; some layers reuse the pick of the layer before."""
    f = w.frame(c, vocabulary=154880, width=6144, depth=78, context=202752, epsilon=1e-5)
    c.ignore("layer_types", "mlp_bias", "topk_method")
    function = c.word("scoring_func", default="sigmoid", known=SCORES)
    route = w.routing(c, k=8, function=function, normalised=c.flag(*w.NORMALISED, default=True), scale=2.5)
    islands = w.grouped(c, route, groups=1, top=1, score="top2_sum")
    mixer = {**w.latent(c, heads=64, q_rank=2048, nope=192, value=256), "indexer": _indexer(c, 32)}
    bank, dense = _ffns(
        c,
        f,
        route,
        {**islands, "balance": w.biased(c)},
        experts=256,
        hidden=2048,
        shared=1,
        dense=12288,
    )
    sparse = dense_first(c, f, 3)
    reuse = _reuses(c, f)
    again = {**mixer, "indexer": {**mixer["indexer"], "shared": True}}
    return f.design(f.layers(lambda i: w.layer(again if reuse[i] else mixer, bank if sparse[i] else dense)))


def write_glm47(c: Config) -> JSON:
    """GLM-4.7-Flash: small, with the latent attention of DeepSeek-V3; the first layer is dense."""
    f = w.frame(c, vocabulary=154880, width=2048, depth=47, context=202752, epsilon=1e-5)
    c.word("topk_method", default="noaux_tc", known=METHODS)
    function = c.word("scoring_func", default="sigmoid", known=SCORES)
    normalised = c.flag(*w.NORMALISED, default=True)
    route = w.routing(c, k=4, function=function, normalised=normalised, scale=1.8)
    more = {**w.grouped(c, route, groups=1, top=1, score="top2_sum"), "balance": w.biased(c)}
    turned = c.integer("head_dim", default=64)  # The class has this second name for the rotary width.
    mixer = w.latent(c, heads=20, q_rank=768, nope=192, value=256, rotary=turned)
    bank, plain = _ffns(c, f, route, more, experts=64, hidden=1536, shared=1, dense=10240)
    listed = c.words("mlp_layer_types", known=FFN_KINDS, length=f.depth)
    # The class reads no count of dense layers: without a list it is the first alone.
    c.ignore("first_k_dense_replace", "moe_layer_freq")
    sparse = [kind == "moe" for kind in listed] if listed else [i > 0 for i in range(f.depth)]
    return f.design(f.layers(lambda i: w.layer(mixer, bank if sparse[i] else plain)))


def _indexer(c: Config, heads: int) -> JSON:
    return {
        "heads": c.integer("index_n_heads", default=heads),
        "head_width": c.integer("index_head_dim", default=128),
        "top": c.integer("index_topk", default=2048),
    }


def _reuses(c: Config, f: w.Frame) -> tuple[bool, ...]:
    """Layers without an indexer of their own: listed, as a pattern of F and S, or every so often."""
    known = {"full": "full", "shared": "shared"}
    listed = c.words("indexer_types", known=known, length=f.depth)
    pattern = c.text("index_topk_pattern")
    often = max(1, c.integer("index_topk_freq", default=1, low=0))
    offset = c.integer("index_skip_topk_offset", default=2, low=0)
    if listed is not None:
        return tuple(kind == "shared" for kind in listed)
    if pattern is not None:
        if len(pattern) != f.depth or set(pattern) - set("FS"):
            raise c.wrong("index_topk_pattern", "must have an F or an S for each layer", "mend the pattern")
        return tuple(letter == "S" for letter in pattern)
    return tuple(max(i - offset + 1, 0) % often != 0 for i in range(f.depth))


def _ffns(
    c: Config,
    f: w.Frame,
    route: JSON,
    more: JSON,
    *,
    experts: int | None,
    hidden: int,
    shared: int | None,
    dense: int,
    bias: bool = False,
) -> tuple[JSON, JSON]:
    each = c.integer(*w.EXPERT_WIDTH, default=hidden)
    beside = c.maybe(*w.SHARED, default=shared, low=0) or 0
    bank = w.bank(
        f,
        route,
        experts=c.integer(*w.EXPERTS, default=experts),
        hidden=each,
        shared=beside * each,
        bias="shared" if bias else "",
        **more,
    )
    return bank, w.plain(f, c.integer("intermediate_size", default=dense), bias=bias)


def _write(
    c: Config,
    f: w.Frame,
    mixer: JSON,
    route: JSON,
    more: JSON,
    *,
    experts: int | None,
    hidden: int,
    shared: int | None,
    first: int,
    dense: int,
    bias: bool = False,
) -> JSON:
    bank, plain = _ffns(
        c, f, route, more, experts=experts, hidden=hidden, shared=shared, dense=dense, bias=bias
    )
    sparse = dense_first(c, f, first)
    return f.design(f.layers(lambda i: w.layer(mixer, bank if sparse[i] else plain)))


V2 = Family(
    "DeepSeek-V2",
    ("deepseek_v2",),
    ("DeepseekV2ForCausalLM",),
    write_v2,
    signs=("kv_lora_rank", "n_routed_experts", "mlp_bias"),
)
V3 = Family(
    "DeepSeek-V3",
    ("deepseek_v3", "kimi_k2", "kimi_k25", "kimi_vl"),
    (
        "DeepseekV3ForCausalLM",
        "KimiK2ForCausalLM",
        "KimiK25ForConditionalGeneration",
        "KimiVLForConditionalGeneration",
    ),
    write_v3,
    signs=("kv_lora_rank", "n_routed_experts", "moe_intermediate_size"),
)
V32 = Family("DeepSeek-V3.2", ("deepseek_v32",), ("DeepseekV32ForCausalLM",), write_v32)
GLM5 = Family(
    "GLM-5",
    ("glm_moe_dsa",),
    ("GlmMoeDsaForCausalLM",),
    write_glm5,
    signs=("kv_lora_rank", "n_routed_experts", "index_topk", "index_head_dim"),
)
GLM47 = Family("GLM-4.7-Flash", ("glm4_moe_lite",), ("Glm4MoeLiteForCausalLM",), write_glm47)
