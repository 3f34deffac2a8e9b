"""What the Papers page says of a verdict, an expectation and its measurement."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from app.claiming import Row
from components.papers.mount import BoardRow, Chip, Effect, Kind
from components.words import plural
from core.claims.naming import parse
from core.claims.results import Finding
from core.claims.statistics import NOUGHT
from core.cost.format import DASH, MINUS, THIN, fixed, letters, places, significant
from core.data.registry import BUILT_IN
from core.design.presets.registry import names as presets
from core.design.presets.registry import preset
from core.papers.base import Expect, Experiment, Paper

_VERDICTS: dict[str, tuple[Kind, str]] = {
    "reproduced": ("yes", "Reproduced"),
    "not at this scale": ("part", "Not at this scale"),
    "contradicts": ("no", "Contradicts"),
    "not finished": ("not", "Not finished"),
    "not run": ("not", "Not run yet"),
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def verdict(row: Row) -> Chip:
    """The verdict of an experiment, or how far its measuring is."""
    if row.activity is not None:
        return Chip("busy", f"Running, {row.activity.done} of {row.activity.wanted or row.result.wanted}")
    return Chip(*_VERDICTS[row.result.verdict])


def outcome(found: Finding, measured: bool) -> Chip:
    """What became of one expectation."""
    if not measured:
        return Chip(*_VERDICTS["not run"])
    return Chip(*_VERDICTS[found.outcome])


def chips(paper: Paper, rows: Iterable[Row]) -> tuple[Chip, ...]:
    """Whether a paper is built, and the verdicts of its experiments, each once with its number."""
    state = Chip("plain", paper.status.capitalize())
    counted = Counter(verdict(row) for row in rows)
    return (
        state,
        *(
            Chip(chip.kind, chip.text if n == 1 else f"{n} {chip.text.lower()}")
            for chip, n in counted.items()
        ),
    )


def figure(value: float) -> str:
    """Three significant figures; powers of ten for what is tiny, letters for what is large.

    Whole numbers stand as such, and so does a nought that rounding left a trace on.
    """
    if abs(value) < NOUGHT:
        return "0"
    if float(value).is_integer() and abs(value) < 1e4:
        return fixed(value, 0)
    if abs(value) < 1e-4:
        mantissa, power = f"{value:.1e}".split("e")
        return f"{mantissa.replace('-', MINUS)}{THIN}×{THIN}10{str(int(power)).translate(_RAISED)}"
    return letters(value) if abs(value) >= 1e4 else significant(value)


def bound(value: float) -> str:
    """A threshold as it was set: `0.5`, `10⁻¹⁰`."""
    tiny = 0 < abs(value) < 1e-4
    return figure(value).removeprefix(f"1.0{THIN}×{THIN}") if tiny else f"{value:g}"


def signed(text: str) -> str:
    """A difference: its sign is always there."""
    return text if text == "0" or text.startswith(MINUS) else f"+{text}"


def together(mean: float, low: float, high: float, *others: float) -> tuple[str, ...]:
    """A mean, the ends of its interval and `others`, with the decimals that the interval supports.

    Where they are too small or too large for decimals to stand below each other, each as `figure`.
    """
    values, largest = (mean, low, high, *others), max(abs(mean), abs(low), abs(high))
    if low == high or not 1e-4 <= largest < 1e4:
        return tuple(figure(value) for value in values)
    decimals = places(mean, low, high)
    return tuple(fixed(value, decimals) for value in values)


def spread(mean: float, deviation: float | None) -> str:
    """`0.216 ± 0.040`: a mean and its deviation over seeds, unless they agree or there is one (None)."""
    if deviation is None or deviation < NOUGHT:
        return figure(mean)
    said, _, _, around = together(mean, mean - deviation, mean + deviation, deviation)
    # Unbreakable spaces: half of it on another line would be read as another number.
    return f"{said}\u00a0±\u00a0{around}"


def measure(name: str) -> tuple[str, str]:
    """A measure's title with its argument, and its unit."""
    found, argument = parse(name)
    return found.title + (f" ({argument.replace('/', ', ')})" if argument else ""), found.unit


def arm_title(experiment: Experiment, name: str) -> str:
    """What an arm is called."""
    return next(arm.title for arm in experiment.arms if arm.name == name)


def setting(experiment: Experiment) -> str:
    """What an experiment trains on, and which design: their titles, or the names where they have none."""
    data = {source.name: source.title for source in BUILT_IN}.get(experiment.data, experiment.data)
    known = experiment.base in presets()
    design = preset(experiment.base).name if known else f"a small {experiment.base} with one MoE layer"
    return f"{data}, from {design}"


def expectation(experiment: Experiment, expect: Expect) -> str:
    """An expectation as an inequality: `Held-out loss: “Switch” < “A random expert” − 0.5 nats`."""
    title, unit = measure(expect.measure)
    units = f"{THIN}{unit}" if unit else ""
    sign = "<" if expect.relation == "below" else ">"
    left = f"“{arm_title(experiment, expect.left)}”"
    if not expect.right:
        return f"{title}: {left} {sign} {bound(expect.margin)}{units}"
    right = f"“{arm_title(experiment, expect.right)}”"
    other = measure(expect.right_measure or expect.measure)[0]
    if other != title:
        # Both sides say what they measure, and whose it is once where it is the same arm's.
        alike = expect.left == expect.right
        left = title if alike else f"{title} of {left}"
        right = f"{other} of {right}"
        title = ""
    if expect.factor != 1:
        right = f"{expect.factor:.3g} × {right}"
    if expect.margin:
        right += f" {MINUS if expect.margin < 0 else '+'} {bound(abs(expect.margin))}{units}"
    return f"{title}: {left} {sign} {right}" if title else f"{left} {sign} {right}"


def measured(found: Finding) -> str:
    """Both sides: `0.39 against 1.37 nats`, or one where there is a single one."""
    if found.left is None or (found.expect.right and found.right is None):
        return DASH
    unit = measure(found.expect.measure)[1]
    sides = figure(found.left)
    if found.right is not None:
        sides += f" against {figure(found.right)}"
    return sides + (f"{THIN}{unit.removesuffix('s') if sides == '1' else unit}" if unit else "")


def interval(found: Finding) -> str:
    """`difference −0.98, −1.02 to −0.94, 5 seeds`, or `in each of 5 seeds` where all are the same."""
    if found.difference is None:
        return plural(found.seeds, "seed") if found.seeds else ""
    paired, seeds = found.right is not None, plural(found.seeds, "seed")
    said = together(found.difference.mean, found.difference.low, found.difference.high)
    mean, low, high = map(signed, said) if paired else said
    if found.difference.low == found.difference.high or low == high == "0":
        return f"difference {mean} in each of {seeds}" if paired else f"in each of {seeds}"
    return f"{'difference' if paired else 'mean'} {mean}, {low} to {high}, {seeds}"


def effect(found: Finding) -> Effect | None:
    """The interval about the threshold, what is claimed to the right, stretched to its own line."""
    if found.difference is None:
        return None
    side = 1 if found.expect.relation == "above" else -1
    ends = [side * (x - found.margin) for x in (found.difference.low, found.difference.high)]
    widest = max(abs(end) for end in ends)
    if not math.isfinite(widest):
        return None
    scale = 1 / widest if widest else 0.0
    mean = side * (found.difference.mean - found.margin)
    return Effect(min(ends) * scale, mean * scale, max(ends) * scale)


def board_row(row: Row) -> BoardRow:
    """A line of the board of all claims: the first finding of an experiment."""
    first = row.result.findings[0]
    return BoardRow(
        key=row.paper.name,
        paper=row.paper.short,
        source=row.paper.source,
        says=row.paper.claim,
        note=f"Tested: {small(first.expect.claim)}",
        measured=measured(first) if row.result.done else "not run",
        how=interval(first) if row.result.done else f"about {minutes(row.experiment.minutes)}",
        chip=verdict(row),
        under=held(row),
        effect=effect(first),
    )


def finding_row(row: Row, found: Finding) -> BoardRow:
    """A line of one experiment's table: one expectation."""
    return BoardRow(
        key="",
        paper="",
        source="",
        says=found.expect.claim,
        note=expectation(row.experiment, found.expect) + ("" if found.expect.firm else ". Decides nothing"),
        measured=measured(found) if row.result.done else "not run",
        how=interval(found) if row.result.done else "",
        chip=outcome(found, row.result.done > 0),
        effect=effect(found),
    )


def held(row: Row) -> str:
    """`4 of 5 expectations`: how many of those that decide hold, once something is measured."""
    firm = [found for found in row.result.findings if found.expect.firm]
    if not row.result.done:
        return ""
    if row.result.verdict == "not finished":
        return f"{row.result.done} of {row.result.wanted} trainings"
    return f"{sum(found.outcome == 'reproduced' for found in firm)} of {len(firm)} expectations hold"


def small(text: str) -> str:
    """A sentence inside another; names such as `SMEAR` keep their letters."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def minutes(value: float) -> str:
    """`8 minutes`."""
    return plural(round(value), "minute")


def board_finding(rows: Iterable[Row]) -> str:
    """The sentence above the board."""
    counted = Counter(row.result.verdict for row in rows)
    total = sum(counted.values())
    tried = total - counted["not run"] - counted["not finished"]
    if not tried:
        return f"None of {total} claims has been measured to the end yet"
    parts = [f"{counted['reproduced']} of {tried} tested claims are reproduced at this size"]
    if counted["not at this scale"]:
        parts.append(f"{counted['not at this scale']} not seen")
    if counted["contradicts"]:
        parts.append(f"{counted['contradicts']} contradicted")
    if tried < total:
        parts.append(f"{total - tried} not measured yet")
    return ", ".join(parts)


def chart_finding(first: Finding) -> str:
    """The sentence above a chart, from the first finding in it."""
    said = {
        "reproduced": "holds here",
        "not at this scale": "is not seen here",
        "contradicts": "is contradicted here",
        "not finished": "is not decided yet",
    }[first.outcome]
    return f"“{first.expect.claim}” {said}"
