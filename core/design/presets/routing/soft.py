"""As many experts as a token needs, all of them, or experts that choose."""

from __future__ import annotations

from core.design.presets.pieces import JSON
from core.design.presets.routing.bank import Bank, even, ramp, route


def top_p(bank: Bank) -> JSON:
    """As many experts as it takes to reach a probability: hard tokens get more."""
    balance = [even(), {"kind": "entropy", "coefficient": 0.0001}]
    return {"router": route("linear", {"kind": "top_p", "p": 0.4}, "raw"), "balance": balance}


def dense_to_sparse(bank: Bank) -> JSON:
    """All experts at first; the falling temperature leaves those above a threshold."""
    modifiers: list[JSON] = [
        {"kind": "gumbel"},
        {"kind": "temperature", "value": ramp("exponential", 2.0, 0.3)},
    ]
    select = {"kind": "threshold", "theta": round(1 / (4 * bank.count), 6), "min_k": 1}
    return {"router": route("linear", select, "raw", modifiers=modifiers), "balance": [even()]}


def all_experts(bank: Bank) -> JSON:
    """Every expert for every token, weighed by softmax: the classical mixture, dense in cost."""
    return {"router": route("linear", "all", "raw"), "balance": []}


def soft_moe(bank: Bank) -> JSON:
    """Experts work on slots, each a mixture of all tokens; nothing is selected or dropped."""
    slots = min(4096, max(1, round(bank.k * bank.design.task.tokens / bank.count)))
    combine = {"kind": "slot_mix", "slots": slots}
    return {"router": route("unit_linear", "all", "raw", combine=combine), "balance": []}


def smear(bank: Bank) -> JSON:
    """The weights of all experts merged into one, anew for every example."""
    router = route("normed_linear", "all", "raw", combine="param_merge", scope="example")
    return {"experts": bank.alike(), "islands": 1, "router": router, "balance": []}


def expert_choice(bank: Bank) -> JSON:
    """Experts choose their tokens, so the load is exactly even and a token gets none or many."""
    select = {"kind": "expert_choice", "factor": float(bank.k)}
    return {"router": route("linear", select, "raw"), "balance": []}


def base(bank: Bank) -> JSON:
    """Balanced assignment: the best way to give every expert the same number of tokens."""
    select = {"kind": "assign", "method": "base"}
    return {"router": route("linear", select, "raw", function="sigmoid"), "balance": []}


def sinkhorn(bank: Bank) -> JSON:
    """Balanced assignment by a few Sinkhorn iterations on the scores."""
    select = {"kind": "assign", "method": "sinkhorn"}
    return {"router": route("linear", select, "raw", function="sigmoid"), "balance": []}
