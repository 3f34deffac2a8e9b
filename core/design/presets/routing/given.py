"""Routing that is given: by chance, by a hash, by the domain, by the task."""

from __future__ import annotations

from core.design.presets.pieces import JSON
from core.design.presets.routing.bank import Bank, ramp, route, top
from core.design.routing.condition.skill_table import in_turn


def thor(bank: Bank) -> JSON:
    """One expert at random for a whole batch; train with the two-pass consistency objective."""
    select = {"kind": "sample_one", "train": "batch", "eval": "token"}
    return {"router": route("uniform", select, "ones"), "balance": []}


def random_expert(bank: Bank) -> JSON:
    """One expert at random for each token: what any router has to beat."""
    select = {"kind": "sample_one", "train": "token", "eval": "token"}
    return {"router": route("uniform", select, "ones"), "balance": []}


def hash_layer(bank: Bank) -> JSON:
    """The expert follows from the token's number alone; nothing is learned."""
    return {"router": route({"kind": "table", "source": "token"}, "table", "ones"), "balance": []}


def oracle(bank: Bank) -> JSON:
    """The expert follows from the domain a token came from: a control that no model may use."""
    return {"router": route({"kind": "table", "source": "domain"}, "table", "ones"), "balance": []}


def m3vit(bank: Bank) -> JSON:
    """One router for each task, so tasks that disagree use different experts."""
    return {
        "router": route("noisy_linear", top(bank.k), "raw", condition={"kind": "task_gate"}),
        "balance": _cv(),
    }


def m3vit_embedding(bank: Bank) -> JSON:
    """One router that reads the token and an embedding of the task."""
    condition = {"kind": "task_concat", "dim": 16}
    return {"router": route("noisy_linear", top(bank.k), "raw", condition=condition), "balance": _cv()}


def _cv() -> list[JSON]:
    return [{"kind": "importance_load_cv", "importance": 0.01, "load": 0.01}]


def skillnet(bank: Bank) -> JSON:
    """A table says which skills a task uses; the first expert is the general skill of all tasks."""
    rows = in_turn(bank.heads, bank.count, bank.some)
    select = {"kind": "table", "per_token": bank.some}
    condition = {"kind": "skill_table", "rows": rows}
    return {"router": route("given", select, "mean", scope="task", condition=condition), "balance": []}


def task_level(bank: Bank) -> JSON:
    """A small network on the task's embedding picks one expert for the whole task."""
    modifiers: list[JSON] = [
        {"kind": "gumbel"},
        {"kind": "temperature", "value": ramp("exponential", 2.0, 0.1)},
    ]
    condition = {"kind": "task_embedding", "dim": 16, "hidden": 16}
    router = route("given", "all", "straight_through", modifiers=modifiers, scope="task", condition=condition)
    return {"router": router, "balance": []}
