"""What a training counted on its way, as arrays over the steps."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from app.record import layer_names
from app.views import _runs
from app.views._routing.shown import Shown
from components.scrub.pack import Frames, Mark, pack
from core.analysis.lifetimes import lifetimes
from core.analysis.spikes import spikes
from storage import metrics

#: Steps that are sent to the browser; of more, every so manyth.
MOST_STEPS = 200
#: Marks on the way that are sent; of more, the first ones.
MOST_MARKS = 400
_NAMES = re.compile(rb'"[^"]*":')


@dataclass(frozen=True)
class Counters:
    """Counts [F, N, E] by path: picks that experts accepted, or mean shares of a layer in `soft`.

    F windows that end at `steps`, N domains. `losses` are training losses of the windows, `all_losses` those
    of every row by step.
    """

    steps: tuple[int, ...]
    domains: tuple[str, ...]
    counts: dict[str, npt.NDArray[Any]]
    soft: frozenset[str]
    losses: tuple[float | None, ...]
    all_losses: dict[int, float]
    #: Windows there are, of which `steps` are shown.
    windows: int

    @property
    def names(self) -> dict[str, str]:
        """Short names of the layers by path."""
        return layer_names(list(self.counts))

    @property
    def loads(self) -> dict[str, npt.NDArray[Any]]:
        """Picks [F, E] of each layer that selects, by path."""
        return {path: counts.sum(axis=1) for path, counts in self.counts.items() if path not in self.soft}


def read_counters(shown: Shown) -> Counters | None:
    """The counters of a run as they stand; None while no token was routed."""
    return _read(shown, *_mark(shown))


def read_payload(shown: Shown, alt: str) -> bytes:
    """The same for the browser."""
    return _payload(shown, alt, *_mark(shown))


def _mark(shown: Shown) -> tuple[str, str, int, int]:
    """What tells one state of a run's record from the next."""
    return str(shown.db.root), shown.run.id, shown.run.attempt, shown.run.step


@st.cache_resource(max_entries=4, show_spinner="Reading what the training counted")
def _read(_shown: Shown, root: str, run_id: str, attempt: int, step: int) -> Counters | None:
    tables = metrics.tables(_shown.db, run_id)
    if not tables:
        return None
    keep = np.linspace(0, len(tables) - 1, min(MOST_STEPS, len(tables))).round().astype(int)
    kept = [tables[i] for i in keep]
    shapes = {name: _shapes(text) for name, text in kept[-1][1].items()}
    counts = {}
    for name, shape in shapes.items():
        stacked = np.stack([_numbers(row[name], whole=name == "domain_expert") for _, row in kept])
        places = np.cumsum([N * E for N, E in shape.values()])[:-1]
        for (path, (N, E)), part in zip(shape.items(), np.split(stacked, places, axis=1), strict=True):
            counts[path] = part.reshape(len(kept), N, E)
    rows = metrics.read(_shown.db, run_id, without=("layers", "domain_expert", "domain_share"))
    losses = {row.step: row.loss for row in rows if row.loss is not None}
    return Counters(
        steps=tuple(step for step, _ in kept),
        domains=tuple(_runs.domains(_shown.run, rows, next(iter(counts.values())).shape[1])),
        counts=counts,
        soft=frozenset(shapes.get("domain_share", ())),
        losses=tuple(losses.get(step) for step, _ in kept),
        all_losses=losses,
        windows=len(tables),
    )


def _shapes(text: str) -> dict[str, tuple[int, int]]:
    """[N, E] of each layer of a table."""
    return {path: (len(rows), len(rows[0])) for path, rows in json.loads(text).items()}


def _numbers(text: str, *, whole: bool) -> npt.NDArray[Any]:
    """All numbers of a table in order. As JSON they would take ten times as long to read."""
    plain = _NAMES.sub(b"", text.encode()).translate(None, b"[]{}")
    return np.fromstring(plain, np.int64 if whole else np.float64, sep=",")


@st.cache_data(max_entries=4, show_spinner=False)
def _payload(_shown: Shown, alt: str, root: str, run_id: str, attempt: int, step: int) -> bytes:
    found = _read(_shown, root, run_id, attempt, step)
    assert found is not None
    names = found.names
    frames = Frames(
        steps=found.steps,
        domains=found.domains,
        layers=[names[path].capitalize() for path in found.counts],
        counts=list(found.counts.values()),
        soft=[path in found.soft for path in found.counts],
        losses=found.losses,
        marks=marks(found)[:MOST_MARKS],
    )
    return pack(frames, alt)


def marks(found: Counters) -> list[Mark]:
    """Jumps of the loss, experts that woke up or fell asleep, by step."""
    jumps = spikes(list(found.all_losses.values()), list(found.all_losses))
    said = [
        Mark(int(step), "loss_spike", f"The loss jumped by {height:.2f} nats.")
        for step, height in zip(jumps.steps, jumps.heights, strict=True)
    ]
    for path, load_FE in found.loads.items():
        for change in lifetimes(load_FE, found.steps).changes:
            what = "woke up" if change.awake else "fell asleep"
            text = f"Expert {change.expert} of {found.names[path]} {what}."
            said.append(Mark(change.step, "birth" if change.awake else "death", text))
    return sorted(said, key=lambda mark: mark.step)
