"""What a selection weighs, in one line: parameters, compute for a token, share of what it stands in."""

from functools import lru_cache

from app.composer.place import LAYER, PART, cut, moe_at
from components.words import plural
from core.cost import format as fmt
from core.cost.count import Counts, count
from core.cost.estimate import STRIP_CONTEXT
from core.cost.flops import Flops, flops
from core.cost.parts import PartCount
from core.design.spec import Design


@lru_cache(maxsize=256)
def weight_line(design: Design, target: str) -> str:
    """`8 192 parameters, 16.4 k FLOPs per token, 0.04 % of the layer`; "" for what owns nothing."""
    counts = count(design)
    if target == "":
        return _said(counts.total, _forward(counts).forward, "")
    here = [part for part in counts.parts if part.pointer.startswith(target)]
    if target in ("/task", "/embedding", "/task/heads"):
        return _said(sum(part.parameters for part in here), None, _share(here, counts.total, "the design"))
    if target.startswith("/stacks/"):
        return _placed(counts, target)
    return ""


def _placed(counts: Counts, target: str) -> str:
    part = cut(target, PART)
    if not part:
        here = [found for found in counts.parts if found.pointer.startswith(f"{target}/")]
        total = sum(found.times * found.parameters for found in here)
        return _said(total, _flops(counts, here), _share(here, counts.total, "the design"))
    layer = [found for found in counts.parts if found.pointer.startswith(f"{cut(target, LAYER)}/")]
    own = [found for found in layer if found.pointer == part]
    if not own:
        return ""
    whole = sum(found.parameters for found in layer)
    if target in (part, f"{part}/body"):
        line = _said(own[0].parameters, _flops(counts, own) / own[0].times, _of(own[0].parameters, whole))
        return f"{line} It stands in {plural(own[0].times, 'layer')}." if own[0].times > 1 else line
    return _inside(counts, own[0], target, whole)


def _inside(counts: Counts, part: PartCount, target: str, whole: int) -> str:
    """A router, an expert group or a shared expert of an MoE layer."""
    found = moe_at(counts.design, target)
    if found is None:
        return ""
    where, index = target.removeprefix(f"{found[0]}/body/").split("/")[0], target.rsplit("/", 1)[-1]
    if where == "router":
        if target.endswith("/combine"):
            return ""
        size = sum(weight.size for weight in part.weights if weight.role == "router")
        return _said(size, 2 * dict(part.macs).get("router", 0.0), _of(size, whole))
    groups = {"experts": found[1].experts, "shared": found[1].shared}.get(where, ())
    if not index.isdecimal() or int(index) >= len(groups):
        return ""
    group = groups[int(index)]
    outer = counts.design.width if where == "shared" else found[1].outer(counts.design.width)
    each, size = group.parameters(outer), group.count * group.parameters(outer)
    share = _of(size, whole)
    if where == "shared":
        return _said(size, 2.0 * group.count * group.macs(outer), share)
    line = f"{plural(group.count, 'expert')} of {fmt.count(each)} parameters: {fmt.count(size)}{share}."
    return f"{line} One of them costs a token {fmt.count(2 * group.macs(outer))} FLOPs."


def _flops(counts: Counts, parts: list[PartCount]) -> float:
    wanted = {part.pointer for part in parts}
    return sum(found.forward for found in _forward(counts).parts if found.pointer in wanted)


def _forward(counts: Counts) -> Flops:
    """Of sequences as long as those of the cost strip."""
    return flops(counts, min(counts.design.task.tokens, STRIP_CONTEXT))


def _said(parameters: float, work: float | None, share: str) -> str:
    if not parameters and not work:
        return ""
    cost = f", {fmt.count(work)} FLOPs per token" if work is not None else ""
    return f"{fmt.count(parameters)} parameters{cost}{share}."


def _share(parts: list[PartCount], total: int, whole: str) -> str:
    own = sum(part.times * part.parameters for part in parts)
    return f", {_percent(own / total)} of {whole}" if total else ""


def _of(part: float, layer: int) -> str:
    return f", {_percent(part / layer)} of the layer" if layer else ""


def _percent(share: float) -> str:
    """As elsewhere, but a share below a tenth of a percent keeps a digit: `0.002 %`."""
    return fmt.percent(share) if share >= 1e-3 or not share else f"{fmt.rounded(100 * share, 1)}{fmt.THIN}%"
