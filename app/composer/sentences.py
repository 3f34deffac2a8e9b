"""What a part computes: a rule in symbols and a sentence, for the foot of the inspector."""

from typing import Any

from core.cost.format import THIN
from core.design.bodies.base import Body
from core.design.bodies.moe import Moe
from core.design.presets.methods import Method

_FORMULAS = {
    "attention": r"y=\mathrm{softmax}\!\left(QK^{\top}/\sqrt{d}\right)V\,W_o",
    "mla": r"c=W_{c}x,\;\; k,v=W_{u}c",
    "glu": r"y=W_d\left(\phi(W_g x)\odot W_u x\right)",
    "mlp": r"y=W_d\,\phi(W_u x)",
}
_WORDS = {
    "attention": "Each token reads earlier ones by how well its query meets their keys.",
    "mla": "Keys and values are rebuilt from one narrow vector a token, and only that is cached.",
    "dense": "Every token goes through the same network.",
    "experts": "Experts of a group have one shape. Pull an edge in the drawing to make them wider.",
    "shared": "A shared expert answers every token, beside those that the router picks.",
    "gated_delta": "A state of fixed size is corrected token by token, so nothing grows with the context.",
    "kda": "A state of fixed size is corrected token by token, with a gate for each channel.",
    "lightning": "Attention without softmax: a state of fixed size stands for all earlier tokens.",
    "mamba": "A state space of fixed size per channel; what it keeps depends on the token.",
    "mamba2": "A state space of fixed size per head; what it keeps depends on the token.",
    "short_conv": "Each token is mixed with the few before it.",
    "routed_attention": "Queries and outputs are experts that the router picks; keys and values are shared.",
    "routed_block": "The router picks one of several copies of a whole layer.",
}
#: How a layer's answer is made of its experts: the rule in symbols, the layer, its combine alone.
_PICKED = (
    r"\sum_{e\in S}g_e\,E_e(x)",
    "The router picks experts for each token; what they answer is weighed and added up.",
    "What the picked experts answer is weighed, added up, and joined with the shared experts.",
)
_ALL = (
    r"\sum_{e=1}^{E}g_e\,E_e(x)",
    "All experts answer each token; the router says how much each of them counts.",
    "What all experts answer is weighed, added up, and joined with the shared experts.",
)
_SOFT = {
    "param_merge": (
        r"f\!\left(x;\,\sum_{e=1}^{E}p_e\,\theta_e\right)",
        "The weights of all experts are averaged into one expert, by the router's probabilities.",
        "One expert made of the weights of all, joined with the shared experts.",
    ),
    "slot_mix": (
        r"\sum_{s}C_{ts}\,E_{e(s)}\!\left({\textstyle\sum_{t'}}D_{t's}\,x_{t'}\right)",
        "Each expert works on slots, mixtures of all tokens; each token reads a mixture of all slots.",
        "Each token gets a mixture of what all slots answer, joined with the shared experts.",
    ),
}
_BALANCE = {
    "bias_update": "The bias steers which experts are picked, never how much they count."
    " Balance costs no gradient.",
    "load_balance": "A loss on how unevenly experts are picked pulls the router towards even use.",
}


def formula_of(router: dict[str, Any], *, biased: bool = False) -> str:
    """The routing rule in symbols, for the axes that have a short one."""
    functions = {"softmax": r"\mathrm{softmax}(xW_r)", "sigmoid": r"\sigma(xW_r)", "none": "xW_r"}
    select = router["select"]
    k, islands = select.get("k"), select.get("top_islands")
    if router["score"]["kind"] != "linear" or not isinstance(k, int):
        return ""
    chosen = "p+b" if biased else "p"
    within = rf"\mid {islands}\text{{ islands}}" if islands else ""
    return rf"$p={functions[router['score_function']]},\;\; S=\mathrm{{top}}_{{{k}}}({chosen}{within})$"


def body_formula(body: Body) -> str:
    """The rule of a body, or nothing where it is no short one."""
    if isinstance(body, Moe):
        beside = r"+\sum_{s}E_s(x)" if body.shared else ""
        return rf"$y={_mixing(body)[0]}{beside}$"
    kind = getattr(getattr(body, "expert", None), "kind", body.kind)
    return f"${_FORMULAS[kind]}$" if kind in _FORMULAS else ""


def _mixing(moe: Moe) -> tuple[str, str, str]:
    """How this layer's answer is made: in symbols, and what the layer and its combine do."""
    router = moe.router
    return _SOFT.get(router.combine.kind, _PICKED if router.select.picks else _ALL)


def sentence(kind: str, moe: Moe | None = None) -> str:
    """One sentence on a kind of part, of this layer where it depends on it; "" for one without."""
    if moe is not None and kind in ("moe", "combine"):
        return _mixing(moe)[1 if kind == "moe" else 2]
    return _WORDS.get(kind, "")


def router_sentence(moe: Moe, method: Method | None) -> str:
    """What the method does, and how the layer is balanced."""
    words = [method.summary] if method is not None else []
    words += [_BALANCE[b.kind] for b in moe.balance if b.kind in _BALANCE][:1]
    return " ".join(f"{word.rstrip('.')}." for word in words)


def held(text: str) -> str:
    """Numbers that stay whole where a line breaks: their thin spaces become unbreakable ones."""
    return text.replace(THIN, "\u202f")
