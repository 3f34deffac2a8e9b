"""The few words beside the name of a part."""

from collections.abc import Sequence
from itertools import groupby

from components.words import humanise, plural
from core.cost.format import fixed
from core.design.bodies.base import Body
from core.design.bodies.moe import Moe
from core.design.experts.base import Expert
from core.design.routing.router import Router
from core.design.schedule import Schedule
from core.design.spec import Design
from core.design.structure import Part

GLYPHS = {"dense": "dense", "moe": "moe", "routed_block": "moe"}
#: Gated units have names of their own (arXiv 2002.05202).
_GATED = {"silu": "SwiGLU", "gelu": "GEGLU", "gelu_tanh": "GEGLU", "relu": "ReGLU"}
_SHORT = {"glu": "gated", "mlp": "MLP", "glu_lowrank": "gated, low rank"}


def glyph_of(body: Body) -> str:
    """The picture of a body: mixers are lattices."""
    return GLYPHS.get(body.kind, "attention")


def part_note(part: Part) -> str:
    """Sizes of a part, and how it joins the stream where that is not the usual way."""
    words = [body_note(part.body)]
    if part.reads != "stream":
        words.append("reads the layer's input" if part.reads == "layer_input" else f"reads part {part.reads}")
    if part.joins != "now":
        words.append("joins at the layer's end")
    return ", ".join(word for word in words if word)


def body_note(body: Body) -> str:
    """Sizes of a body."""
    if isinstance(body, Moe):
        return moe_note(body)
    expert = getattr(body, "expert", None)
    if isinstance(expert, Expert):
        activation = getattr(expert, "activation", expert.kind)
        gated = _GATED.get(activation) if expert.kind == "glu" else None
        return f"{fixed(expert.inner, 0)}, {gated or humanise(activation)}"
    words = []
    heads, kv = getattr(body, "heads", None), getattr(body, "kv_heads", None)
    if heads:
        words.append(plural(heads, "head"))
    if kv and kv != heads:
        words.append(f"{kv} KV")
    for name, word in (
        ("head_width", "width"),
        ("window", "window"),
        ("kv_rank", "KV rank"),
        ("state", "state"),
    ):
        if isinstance(value := getattr(body, name, None), int):
            words.append(f"{word} {fixed(value, 0)}")
    if copies := getattr(body, "copies", None) or getattr(body, "experts", None):
        words.append(f"{copies} copies" if body.kind == "routed_block" else plural(copies, "expert"))
    return ", ".join(words)


def moe_note(body: Moe) -> str:
    """`8 experts, top-2, 1 shared`."""
    words = [plural(body.count, "expert"), select_note(body.router)]
    if shared := sum(group.count for group in body.shared):
        words.append(f"{shared} shared")
    return ", ".join(words)


def select_note(router: Router) -> str:
    """`top-2`, or the name of another selection with its number."""
    select = router.select
    k = getattr(select, "k", None)
    if isinstance(k, Schedule):
        low, high = k.ends
        return f"top-{low:.0f} to {high:.0f}"
    if k is not None:
        return f"top-{k}"
    p = getattr(select, "p", None)
    return f"top-p {p:g}" if isinstance(p, float) else humanise(select.kind).lower()


def router_note(body: Moe) -> str:
    """Score function and balancers: `softmax, load balance`."""
    router = body.router
    words: list[str] = [router.score_function if router.score_function != "none" else "raw scores"]
    if router.score.kind != "linear":
        words.insert(0, humanise(router.score.kind).lower())
    words += [humanise(balancer.kind).lower() for balancer in body.balance[:2]]
    if router.capacity is not None:
        words.append(f"capacity {router.capacity.train:g}")
    return ", ".join(words)


def group_notes(experts: Sequence[Expert]) -> list[tuple[int, str]]:
    """Neighbouring groups and what a rule below them says: (experts, `6 experts × 512`).

    Groups of one expert that stand side by side share a rule: `1 024 and 900`.
    """
    rules: list[tuple[int, str]] = []
    for single, run in groupby(experts, key=lambda group: group.count == 1):
        members = list(run)
        if single and len(members) > 1:
            names = [expert_size(group) for group in members]
            text = f"{names[0]} to {names[-1]}" if len(names) > 3 else " and ".join(names)
            rules.append((len(members), text))
        else:
            rules += [(g.count, f"{plural(g.count, 'expert')} × {expert_size(g)}") for g in members]
    return rules


def expert_size(expert: Expert) -> str:
    """The hidden width, or the kind of an expert without one."""
    return fixed(expert.inner, 0) if expert.inner else expert.kind


def expert_words(expert: Expert) -> str:
    """`gated, hidden width 512`, for those who hear the drawing."""
    kind = _SHORT.get(expert.kind, humanise(expert.kind).lower())
    return f"{kind}, hidden width {fixed(expert.inner, 0)}" if expert.inner else kind


def input_note(design: Design) -> tuple[str, str]:
    """Name and sizes of what stands before the first layer."""
    task = design.task
    if task.kind == "language_model":
        return "Token embedding", f"{fixed(task.heads_out[0].size, 0)} × {fixed(design.width, 0)}"
    if task.kind == "image_classifier":
        return "Patch embedding", f"{plural(task.tokens, 'patch', 'patches')} × {fixed(design.width, 0)}"
    return (
        "Feature embedding",
        f"{plural(getattr(task, 'features', 0), 'feature')} × {fixed(design.width, 0)}",
    )


def output_note(design: Design) -> tuple[str, str]:
    """Name and sizes of what stands after the last layer."""
    heads = design.task.heads_out
    if design.task.kind == "language_model":
        tied = "tied" if design.embedding.tied else "untied"
        return "Output head", f"{fixed(design.width, 0)} × {fixed(heads[0].size, 0)}, {tied}"
    names = ", ".join(f"{head.name} ({head.outputs})" for head in heads[:4])
    return ("Output heads" if len(heads) > 1 else "Output head"), names
