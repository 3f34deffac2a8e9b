"""What families share: the frame of a model, attention, latent attention, banks of experts, and key aliases.

Defaults are those of the classes in transformers, so each family passes its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.design.huggingface.config import Config, ConfigError, printable
from core.design.huggingface.repeats import repeats
from core.design.presets.pieces import dense, glu, language, moe, router

JSON = dict[str, Any]
MOST_LAYERS = 4096

WIDTH = ("hidden_size", "d_model", "n_embd")
DEPTH = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")
HEADS = ("num_attention_heads", "n_heads", "num_heads", "n_head")
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "moe_top_k",
    "moe_topk",
    "moe_k",
    "top_k_experts",
)
EXPERT_WIDTH = ("moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert")
CONTEXT = ("max_position_embeddings", "model_max_length", "max_seq_len", "max_sequence_length", "n_positions")
EPSILON = ("rms_norm_eps", "layer_norm_epsilon", "layernorm_epsilon", "norm_eps", "layer_norm_eps")
ACTIVATION = ("hidden_act", "hidden_activation", "activation_function", "mlp_hidden_act", "dense_act_fn")
NORMALISED = ("norm_topk_prob", "moe_renormalize", "route_norm")
AUXILIARY = ("router_aux_loss_coef", "aux_loss_coef", "moe_loss_weight", "aux_loss_alpha")
EXTRA_HEADS = ("num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers")

ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "swiglu": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu2",
}
LAYER_KINDS = {
    "full_attention": "full",
    "attention": "full",
    "indexed_attention": "full",
    "sliding_attention": "window",
    "chunked_attention": "chunk",
    "linear_attention": "linear",
    "mamba": "linear",
    "mamba2": "linear",
    "conv": "conv",
    "short_conv": "conv",
    "moe": "moe",
    "mlp": "dense",
    "dense": "dense",
    "sparse": "moe",
}
_ROPE_KEYS = [
    "rope_theta",
    "rope_type",
    "type",
    "partial_rotary_factor",
    "factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "alpha",
    "original_max_position_embeddings",
    "max_position_embeddings",
    "truncate",
    "attention_factor",
    "short_factor",
    "long_factor",
    "short_mscale",
    "long_mscale",
    "low_freq_factor",
    "high_freq_factor",
    "mrope_section",
    "mrope_interleaved",
    "attn_factor",
    "extrapolation_factor",
    "finetuned",
    "full_attention",
    "sliding_attention",
]


@dataclass(frozen=True)
class Frame:
    """The sizes that every layer shares."""

    config: Config
    width: int
    depth: int
    vocabulary: int
    context: int
    epsilon: float
    activation: str
    tied: bool

    def layers(self, write: Callable[[int], JSON]) -> list[JSON]:
        """One layer for each index, as repeats."""
        return repeats([write(i) for i in range(self.depth)])

    def design(self, layers: list[JSON], *, norm: JSON | None = None, embedding: JSON | None = None) -> JSON:
        """The whole design around its layers."""
        c = self.config
        extra = c.integer(*EXTRA_HEADS, default=0, low=0, high=16)
        if extra:
            c.note(f"Layers of multi-token prediction ({extra}) are counted apart.")
        heads = {"extra_heads": extra} if extra else {}
        return {
            "width": self.width,
            "task": language(self.context, self.vocabulary, **heads),
            "embedding": {"tied": self.tied, **(embedding or {})},
            "norm": {"kind": "rms", "epsilon": self.epsilon, **(norm or {})},
            "stacks": [{"name": "decoder", "causal": True, "layers": layers}],
        }


def frame(
    c: Config,
    *,
    vocabulary: int,
    width: int,
    depth: int,
    context: int,
    epsilon: float = 1e-6,
    tied: bool | None = False,
    activation: str = "silu",
) -> Frame:
    """The common keys, with the defaults of the class; `tied` None where the class never ties its head."""
    return Frame(
        config=c,
        width=c.integer(*WIDTH, default=width),
        depth=c.integer(*DEPTH, default=depth, high=MOST_LAYERS),
        vocabulary=c.integer("vocab_size", default=vocabulary, low=2),
        context=c.integer(*CONTEXT, default=context),
        epsilon=c.number(*EPSILON, default=epsilon, low=1e-30, high=1),
        activation=c.word(*ACTIVATION, default=activation, known=ACTIVATIONS),
        tied=_tied(c, tied),
    )


def _tied(c: Config, default: bool | None) -> bool:
    asked = c.flag("tie_word_embeddings", "tie_embedding", default=bool(default))
    if asked and default is None:
        c.note("tie_word_embeddings is true; this family's class keeps a head of its own, and so does this.")
    return asked and default is not None


def part(body: JSON, **more: Any) -> JSON:
    """One residual branch."""
    return {"body": body, **more}


def layer(*parts: JSON) -> JSON:
    """Parts one after the other; a bare body is a part without options."""
    return {"parts": [p if "body" in p else part(p) for p in parts]}


def rope(c: Config, *, theta: float = 10_000.0, fraction: float = 1.0, kind: str | None = None) -> JSON:
    """Rotary positions from `rope_parameters`, or from the older `rope_theta` and `rope_scaling`."""
    new, old = c.inner("rope_parameters"), c.inner("rope_scaling")
    for table in (new, old):
        table.ignore(*_ROPE_KEYS)
    if kind is not None and new.has(kind):
        new = new.inner(kind)
        new.ignore(*_ROPE_KEYS)
    theta = c.number("rope_theta", default=theta, low=1.0, high=1e12)
    fraction = c.number("partial_rotary_factor", "rotary_pct", default=fraction, low=0.0, high=1.0)
    for table in (new, old):
        scaling = table.text("rope_type") or table.text("type")
        if scaling not in (None, "default", "proportional", "mrope", "llama4"):
            c.note(f"Stretched rotary positions ({printable(scaling)}) add no weight and are not drawn.")
    return {
        "theta": new.number("rope_theta", default=theta, low=1.0, high=1e12),
        "fraction": new.number("partial_rotary_factor", default=fraction, low=0.0, high=1.0),
    }


def kinds(c: Config, f: Frame, *names: str, default: Callable[[int], str]) -> tuple[str, ...]:
    """The kind of every layer: full, window, chunk, linear, conv."""
    given = c.words(*names, known=LAYER_KINDS, length=f.depth)
    return given if given is not None else tuple(default(i) for i in range(f.depth))


def attention(
    c: Config, f: Frame, *, heads: int, kv: int | None, head: int | None = None, bias: str = "", **more: Any
) -> JSON:
    """Softmax attention; `bias` names projections that have one, by letters of q, k, v, o."""
    count = c.integer(*HEADS, default=heads)
    groups = c.maybe("num_key_value_heads", "num_kv_heads", default=kv) or count
    width = c.maybe("head_dim", "attention_head_dim", "kv_channels", default=head) or max(1, f.width // count)
    names = {"q": "query_bias", "k": "key_bias", "v": "value_bias", "o": "output_bias"}
    return {
        "kind": "attention",
        "heads": count,
        "kv_heads": groups,
        "head_width": width,
        **{names[letter]: True for letter in bias},
        **more,
    }


def latent(
    c: Config,
    *,
    heads: int,
    q_rank: int | None,
    kv_rank: int = 512,
    nope: int = 128,
    rotary: int = 64,
    value: int = 128,
) -> JSON:
    """Multi-head latent attention."""
    c.ignore("num_key_value_heads", "head_dim", "qk_head_dim", "rope_interleave", "indexer_rope_interleave")
    rope(c)
    body: JSON = {
        "kind": "mla",
        "heads": c.integer(*HEADS, default=heads),
        "q_rank": _query_rank(c, q_rank),
        "kv_rank": c.integer("kv_lora_rank", default=kv_rank),
        "nope": c.integer("qk_nope_head_dim", default=nope),
        "rope": c.integer("qk_rope_head_dim", default=rotary, low=0),
        "value": c.integer("v_head_dim", default=value),
    }
    if c.flag("attention_bias", default=False):
        body["bias"] = True
    return body


def _query_rank(c: Config, default: int | None) -> int | None:
    """Released configs say null for direct queries; a tool that drops nulls leaves the other sizes behind."""
    beside = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    if default is not None and not c.present("q_lora_rank") and all(c.has(name) for name in beside):
        c.note("The config names no q_lora_rank beside its kv_lora_rank; queries are read as direct (null).")
        default = None
    return c.maybe("q_lora_rank", default=default)


def routing(
    c: Config,
    *,
    k: int | None,
    function: str = "softmax",
    normalised: bool = True,
    scale: float = 1.0,
    jitter: float = 0.0,
    **more: Any,
) -> JSON:
    """A linear router with top-k; `routed_scaling_factor` and jitter where the config has them."""
    weigh = "renormalised" if normalised else "raw"
    factor = c.number("routed_scaling_factor", default=scale, low=1e-9, high=1e4)
    route = router(c.integer(*PER_TOKEN, default=k), function=function, weigh=weigh, scale=factor, **more)
    noise = c.number("router_jitter_noise", "moe_jitter_eps", default=jitter, low=0, high=0.999)
    if noise:
        route["modifiers"] = [{"kind": "jitter", "epsilon": noise}]
    return route


def grouped(c: Config, route: JSON, *, groups: int | None, top: int | None, score: str) -> JSON:
    """Writes group-limited selection into `route` where there are groups; returns the bank's islands."""
    islands = c.maybe("n_group", "num_expert_group", default=groups) or 1
    best = c.maybe("topk_group", default=top) or islands
    if islands == 1:
        return {}
    k = route["select"]["k"]
    route["select"] = {"kind": "group_top_k", "k": k, "top_islands": best, "island_score": score}
    return {"islands": islands}


def load_balance(c: Config, default: float) -> list[JSON]:
    """The auxiliary loss, where its coefficient is above zero; `seq_aux` balances each example."""
    coefficient = c.number(*AUXILIARY, default=default, low=0, high=100)
    each: JSON = {"per": "sequence"} if c.flag("seq_aux", default=False) else {}
    return [{"kind": "load_balance", "coefficient": coefficient, **each}] if coefficient else []


def biased(c: Config, default: float = 0.0) -> list[JSON]:
    """A selection bias, which balances without a gradient, and the auxiliary loss that the config names."""
    return [{"kind": "bias_update"}, *load_balance(c, default)]


def bank(
    f: Frame,
    route: JSON,
    *,
    experts: int,
    hidden: int,
    shared: int = 0,
    bias: str = "",
    activation: str | None = None,
    **more: Any,
) -> JSON:
    """Gated experts and, of width `shared`, the shared ones as one. `bias` may name "shared"."""
    act: JSON = {} if (activation or f.activation) == "silu" else {"activation": activation or f.activation}
    beside = [glu(shared, **act, **({"bias": True} if "shared" in bias else {}))] if shared else []
    group = glu(hidden, experts, **act)
    return moe([group], route, **({"shared": beside} if beside else {}), **more)


def plain(f: Frame, hidden: int, *, bias: bool = False) -> JSON:
    """A dense gated FFN."""
    act: JSON = {} if f.activation == "silu" else {"activation": f.activation}
    return dense(glu(hidden, **act, **({"bias": True} if bias else {})))


def root(width: int) -> float:
    """The usual embedding scale."""
    return math.sqrt(width)


def refuse(key: str, message: str, fix: str) -> ConfigError:
    """An architecture that the vocabulary does not hold."""
    return ConfigError(key, message, f"To fix this, {fix}.")
