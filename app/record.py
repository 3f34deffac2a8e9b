"""What pages ask of a run and its record: names, series, counts. No Streamlit, no SQL."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from components.words import humanise
from core.analysis.specialization import specialization
from core.cost import count as counting
from core.design.bodies.moe import Moe
from core.design.bodies.routed_block import RoutedBlock
from core.design.facts import MetricsRow
from core.design.spec import Design

Points = list[tuple[int, float]]


@lru_cache(maxsize=64)
def read_design(text: str) -> Design:
    """A stored design."""
    return Design.model_validate_json(text)


@lru_cache(maxsize=64)
def parameters(text: str) -> tuple[int, int]:
    """Total and active parameters of a stored design."""
    counts = counting.count(read_design(text))
    return counts.total, round(counts.active())


def layer_name(path: str) -> str:
    """`decoder.3.1` -> layer 4: layers are counted from 1, as in the drawing."""
    pieces = path.split(".")
    return f"layer {int(pieces[1]) + 1}" if len(pieces) > 1 and pieces[1].isdecimal() else path


def layer_names(paths: Sequence[str]) -> dict[str, str]:
    """Short names of layers, whole paths where short ones would clash."""
    short = {path: layer_name(path) for path in paths}
    taken = list(short.values())
    return {path: name if taken.count(name) == 1 else path for path, name in short.items()}


def routed_layers(design: Design) -> dict[str, str]:
    """Routed layers: path -> name, counted from 1 as in the drawing."""
    return layer_names(
        [place.path for place in design.occurrences() if isinstance(place.body, Moe | RoutedBlock)]
    )


def renamed(text: str, paths: Sequence[str]) -> str:
    """A sentence of the analyses, which know layers by their paths, with the short names of `layer_names`."""
    for path, name in layer_names(paths).items():
        if name != path:
            exact = rf"{re.escape(path)}(?![\d.]*\d)"
            text = re.sub(rf"\bLayer {exact}", name.capitalize(), text)
            text = re.sub(rf"(?:\blayer )?\b{exact}", name, text)
    return text


@lru_cache(maxsize=64)
def expert_kinds(text: str) -> dict[str, tuple[str, ...]]:
    """Of each layer of a stored design with experts of several kinds, by path: what an expert is if not of
    the kind that most of them are, else empty."""
    found = {}
    for part in read_design(text).occurrences():
        groups = getattr(part.body, part.body.bank or "", None)
        if not isinstance(groups, tuple) or len({group.kind for group in groups}) < 2:
            continue
        each = [group.kind for group in groups for _ in range(group.count)]
        usual = max(dict.fromkeys(each), key=each.count)
        found[part.path] = tuple("" if kind == usual else humanise(kind).lower() for kind in each)
    return found


def losses(rows: Sequence[MetricsRow]) -> dict[str, Points]:
    """Training loss by domain."""
    return _series([(row.step, row.domain_loss) for row in rows])


def held_out(rows: Sequence[MetricsRow]) -> dict[str, Points]:
    """Held-out loss by domain."""
    return _series(
        [
            (row.step, {k.removeprefix("loss/"): v for k, v in row.held_out.items() if k.startswith("loss/")})
            for row in rows
        ]
    )


def total(rows: Sequence[MetricsRow]) -> Points:
    """Training loss, all domains together."""
    return [(row.step, row.loss) for row in rows if row.loss is not None]


def held_out_total(rows: Sequence[MetricsRow], figure: str = "loss") -> Points:
    """A held-out figure, all domains together."""
    return [(row.step, row.held_out[figure]) for row in rows if figure in row.held_out]


def _series(figures: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, Points]:
    """The points of each name, names in the order they first appear."""
    found: dict[str, Points] = {}
    for step, values in figures:
        for name, value in values.items():
            found.setdefault(name, []).append((step, value))
    return found


@dataclass(frozen=True)
class Routing:
    """Routing of one row: the busiest expert over its fair share, experts without a token, specialization."""

    step: int
    busiest: float
    dead: int
    experts: int
    specialization: float | None


def routing(rows: Sequence[MetricsRow]) -> list[Routing]:
    """Routing figures of the rows that have some."""
    return [
        Routing(
            row.step,
            1 + max(layer.max_violation for layer in row.layers),
            sum(layer.dead for layer in row.layers),
            sum(len(layer.load) for layer in row.layers),
            max(
                (
                    found
                    for counts in row.domain_expert.values()
                    if (found := specialization(np.asarray(counts))) is not None
                ),
                default=None,
            ),
        )
        for row in rows
        if row.layers
    ]


def tables(row: MetricsRow) -> Mapping[str, Sequence[Sequence[float]]]:
    """Domain by expert, of each layer: accepted assignments, or mean shares where nothing is selected."""
    return {**row.domain_expert, **row.domain_share}


def frames(rows: Sequence[MetricsRow], most: int = 120) -> list[MetricsRow]:
    """Rows with routing counts, thinned evenly to at most `most`, the newest kept."""
    counted = [row for row in rows if tables(row)]
    if len(counted) <= most:
        return counted
    keep = np.linspace(0, len(counted) - 1, most).round().astype(int)
    return [counted[i] for i in keep]
