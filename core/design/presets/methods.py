"""Routing methods by name: what a paper changes in an MoE layer, as one edit.

A method is a way to write the axes of a router (and balancers, sometimes experts) over a layer that stands
there. A new one is a function in `core/design/presets/routing` and a line in METHODS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from core.design.bodies.moe import Moe
from core.design.edit import Edit, Merge
from core.design.edits import apply, together
from core.design.pointer import PointerError
from core.design.presets.pieces import JSON
from core.design.presets.registry import preset
from core.design.presets.routing import choice, fine, given, soft
from core.design.presets.routing.bank import Bank
from core.design.problems import Problem
from core.design.rules import faults
from core.design.spec import Design

#: Repairs that would put another method in the place of the one just asked for, so they are left to the user.
_LEFT = frozenset({"looks-ahead"})
_REPAIRS = 8


class UnknownMethodError(ValueError):
    """No routing method has this name."""


@dataclass(frozen=True)
class Method:
    """A routing method: its short name, its title, its source, and `write`: a layer -> fields of its body.

    `looks_ahead`: it decides by looking at other tokens, so a causal stack refuses it.
    """

    name: str
    title: str
    source: str
    write: Callable[[Bank], JSON]
    looks_ahead: bool = False

    @property
    def base(self) -> str:
        """The starter to show it on: the digits one where it decides by looking at later tokens."""
        return "digits-vit" if self.looks_ahead else "starter"

    @property
    def summary(self) -> str:
        """One line on what it does."""
        return (self.write.__doc__ or "").split("\n")[0].strip()


METHODS: tuple[Method, ...] = (
    Method("top-k", "Top-k softmax", "arXiv 2401.04088", choice.top_k),
    Method("noisy-top-k", "Noisy top-k", "arXiv 1701.06538", choice.noisy_top_k),
    Method("gshard", "GShard", "arXiv 2006.16668", choice.gshard),
    Method("switch", "Switch", "arXiv 2101.03961", choice.switch),
    Method("st-moe", "ST-MoE", "arXiv 2202.08906", choice.st_moe),
    Method("olmoe", "OLMoE", "arXiv 2409.02060", choice.olmoe),
    Method("v-moe", "V-MoE", "arXiv 2106.05974", choice.v_moe),
    Method("x-moe", "X-MoE cosine", "arXiv 2204.09179", choice.x_moe),
    Method("activation-gate", "Sigmoid activation gate", "arXiv 2405.13997", choice.activation_gate),
    Method("deepseek-moe", "DeepSeekMoE", "arXiv 2401.06066", fine.deepseek_moe),
    Method("deepseek-v3", "DeepSeek-V3", "arXiv 2412.19437", fine.deepseek_v3),
    Method("loss-free", "Loss-free balancing", "arXiv 2408.15664", fine.loss_free),
    Method("moe-plus-plus", "MoE++", "arXiv 2410.07348", fine.moe_plus_plus),
    Method("hmoe", "HMoE", "arXiv 2408.10681", fine.hmoe),
    Method("aoe", "Autonomy of Experts", "arXiv 2501.13074", fine.aoe),
    Method("sam", "Switch and Mixture", "arXiv 2110.07431", fine.sam),
    Method("sam-hierarchical", "Hierarchical SAM", "arXiv 2110.07431", fine.sam_hierarchical),
    Method("moec", "MoEC", "arXiv 2207.09094", fine.moec),
    Method("smoe-dropout", "SMoE-Dropout", "arXiv 2303.01610", fine.smoe_dropout),
    Method("top-p", "Top-p dynamic", "arXiv 2403.07652", soft.top_p),
    Method("dense-to-sparse", "Dense to sparse", "arXiv 2112.14397", soft.dense_to_sparse),
    Method("gw-moe", "GW-MoE", "arXiv 2406.12375", choice.gw_moe),
    Method("expert-choice", "Expert choice", "arXiv 2202.09368", soft.expert_choice, looks_ahead=True),
    Method("soft-moe", "Soft MoE", "arXiv 2308.00951", soft.soft_moe, looks_ahead=True),
    Method("smear", "SMEAR", "arXiv 2306.03745", soft.smear, looks_ahead=True),
    Method("base", "BASE", "arXiv 2103.16716", soft.base, looks_ahead=True),
    Method("sinkhorn", "S-BASE", "arXiv 2202.01169", soft.sinkhorn, looks_ahead=True),
    Method("hash", "Hash layer", "arXiv 2106.04426", given.hash_layer),
    Method("thor", "THOR", "arXiv 2110.04260", given.thor),
    Method("m3vit", "M3ViT", "arXiv 2210.14793", given.m3vit),
    Method("m3vit-embedding", "M3ViT with task embedding", "arXiv 2210.14793", given.m3vit_embedding),
    Method("skillnet", "SkillNet", "arXiv 2203.03312", given.skillnet),
    Method("task-level", "Task-level routing", "arXiv 2205.12701", given.task_level),
    Method("all-experts", "All experts", "Jacobs et al. 1991", soft.all_experts),
    Method("random", "Random expert", "control", given.random_expert),
    Method("oracle", "Domain oracle", "control", given.oracle),
)


def methods() -> tuple[Method, ...]:
    """All methods, the usual one first."""
    return METHODS


def method(name: str) -> Method:
    """The method itself. Raises UnknownMethodError with the nearest name."""
    names = [entry.name for entry in METHODS]
    for entry in METHODS:
        if entry.name == name:
            return entry
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownMethodError(
        f"No routing method is named {name[:60]!r}.{hint} To fix this, pick one of: {', '.join(names)}."
    )


def method_edit(design: Design, moe_pointer: str, name: str) -> Edit:
    """The one step that writes a method over the MoE layer at `moe_pointer`, its part or its body.

    Experts keep widths and counts, and tokens keep k, unless that is what the method is about. What its
    values break elsewhere in the design is mended in the same step. One problem may stay: `looks-ahead`,
    where the method cannot stand in a causal stack and any repair would be another method.

    Raises:
        UnknownMethodError: no method has this name.
        PointerError: no MoE layer stands there.
    """
    chosen = method(name)
    for placed in design.parts():
        moe, body = placed.part.body, f"{placed.pointer}/body"
        if moe_pointer in (placed.pointer, body) and isinstance(moe, Moe):
            break
    else:
        raise PointerError(f"no MoE layer stands at {moe_pointer!r}")
    label = f"Router: {chosen.title}"
    return _mended(design, Merge(path=body, values=chosen.write(Bank(moe, design)), label=label))


@cache
def with_method(chosen: Method) -> Design:
    """The starter that suits a method, with it."""
    base = preset(chosen.base)
    bank = next(placed.pointer for placed in base.parts() if isinstance(placed.part.body, Moe))
    written = apply(base, method_edit(base, bank, chosen.name))
    if isinstance(written, Problem):
        raise ValueError(f"{chosen.name} cannot be written over {base.name}: {written}")
    return written.model_copy(update={"name": f"{chosen.title} on {base.name}"})


def _mended(design: Design, edit: Edit) -> Edit:
    """The edit and the repairs of what it breaks, as one step."""
    before = _errors(design)
    chain: tuple[Edit, ...] = (edit,)
    for _ in range(_REPAIRS):
        result = apply(design, together(chain, edit.label))
        if isinstance(result, Problem):
            break
        added = _errors(result) - before
        repair = next(
            (p.edits[0] for p in faults(result, stage="design") if _key(p) in added and p.edits), None
        )
        if repair is None:
            break
        chain = (*chain, repair)
    return together(chain, edit.label)


def _errors(design: Design) -> Counter[tuple[str, str]]:
    return Counter(
        _key(p) for p in faults(design, stage="design") if p.severity == "error" and p.code not in _LEFT
    )


def _key(problem: Problem) -> tuple[str, str]:
    return problem.code, problem.path
