"""Text as bytes: files in domains, windows that never cross a file.

All files lie in one array, domain by domain. A window is `context + 1` bytes: the inputs, and the same
shifted by one as targets. A file shorter than that has no window and takes no part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from core.data.base import (
    EVALUATE,
    TRAIN,
    Array,
    Batch,
    Dataset,
    Fingerprint,
    Ints,
    draw_domains,
    offering_tasks,
    weights_of,
)
from core.data.errors import DataError, shorten
from core.design.facts import DataFacts
from core.design.tasks.base import Head

BYTES = 256
HELD_OUT = 0.1

Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Index:
    """Files of a text data set, one row each, in the order of the stream."""

    domain: Ints
    start: Ints
    length: Ints
    held_out: npt.NDArray[np.bool_]

    def longest(self, domain: int, held_out: bool) -> int:
        """Bytes of the longest file of one half of a domain."""
        here = (self.domain == domain) & (self.held_out == held_out)
        return int(self.length[here].max(initial=0))


@dataclass(frozen=True)
class Windows:
    """Where windows of one length may start in one half of a domain."""

    start: Ints
    end: Ints

    @property
    def total(self) -> int:
        return int(self.end[-1]) if len(self.end) else 0

    def starts(self, picked: Ints) -> Ints:
        """Positions in the stream of windows counted from 0 to `total`."""
        file = np.searchsorted(self.end, picked, side="right")
        before = np.concatenate([[0], self.end[:-1]])[file]
        starts: Ints = self.start[file] + picked - before
        return starts


class TextData(Dataset):
    """Bytes of several domains, predicted one after another. The task of a window is its domain."""

    def __init__(self, facts: DataFacts, stream: Array, index: Index, notes: Iterable[str] = ()) -> None:
        self.facts = facts
        self.stream = stream
        self.index = index
        self.notes = tuple(notes)
        # Files lie domain by domain, so the first of a domain is where its stream begins.
        self._base = index.start[np.searchsorted(index.domain, np.arange(len(facts.domains)))]
        self._windows = cache(self._find_windows)

    def batch(
        self, step: int, *, seed: int, size: int, context: int, mixture: Mapping[str, float] | None = None
    ) -> Batch:
        weights = weights_of(mixture, self.facts.domains)
        rng = np.random.default_rng([TRAIN, seed, step])
        domain_B = draw_domains(rng, weights, size)
        chance_B = rng.random(size)
        start_B = np.zeros(size, np.int64)
        for domain in np.flatnonzero(weights):
            windows = self._some_windows(int(domain), context, held_out=False)
            here = domain_B == domain
            start_B[here] = windows.starts((chance_B[here] * windows.total).astype(np.int64))
        return self._read(domain_B, start_B, context)

    def held_out(self, examples_per_domain: int, *, context: int, seed: int = 0) -> list[Batch]:
        domains = range(len(self.facts.domains))
        return [self._evaluate(domain, examples_per_domain, context, seed) for domain in domains]

    def sizes(self) -> dict[str, int]:
        lengths = [
            int(self.index.length[self.index.domain == d].sum()) for d in range(len(self.facts.domains))
        ]
        return dict(zip(self.facts.domains, lengths, strict=True))

    def skipped(self, context: int) -> int:
        """Files too short for a window of this context."""
        return int((self.index.length <= context).sum())

    def _evaluate(self, domain: int, examples: int, context: int, seed: int) -> Batch:
        windows = self._some_windows(domain, context, held_out=True)
        rng = np.random.default_rng([EVALUATE, seed, domain])
        # Windows side by side show each byte once; where there are too few, any starts will do.
        apart = np.arange(rng.integers(min(context, windows.total)), windows.total, context)
        choice = apart if len(apart) >= examples else np.arange(windows.total)
        picked = np.sort(rng.choice(choice, min(examples, len(choice)), replace=False))
        return self._read(np.full(len(picked), domain), windows.starts(picked), context)

    def _read(self, domain_B: Ints, start_B: Ints, context: int) -> Batch:
        window_BS = self.stream[start_B[:, None] + np.arange(context + 1)].astype(np.int64)
        return Batch(
            inputs=window_BS[:, :-1],
            targets={"next": window_BS[:, 1:]},
            domain=domain_B.astype(np.int16),
            origin=start_B - self._base[domain_B],
            task_id=domain_B if self.facts.has_task_id else None,
        )

    def _some_windows(self, domain: int, context: int, *, held_out: bool) -> Windows:
        windows: Windows = self._windows(domain, context, held_out)
        if not windows.total:
            longest = self.index.longest(domain, held_out)
            half = "held-out" if held_out else "training"
            raise DataError(
                f"No {half} file of the domain {shorten(self.facts.domains[domain])} holds {context} tokens.",
                f"A window needs {context + 1} bytes of one file and the longest has {longest}.",
                f"use a context of at most {max(1, longest - 1)}, or longer files.",
            )
        return windows

    def _find_windows(self, domain: int, context: int, held_out: bool) -> Windows:
        index = self.index
        use = (index.domain == domain) & (index.held_out == held_out) & (index.length > context)
        return Windows(index.start[use], np.cumsum(index.length[use] - context))


def build_text(name: str, title: str, domains: Mapping[str, Files], *, share: float = HELD_OUT) -> TextData:
    """A data set of named files by domain. About `share` of each domain is held out, by whole files.

    Raises:
        DataError: a domain is too small to be split.
    """
    rows: list[tuple[int, bytes, bool]] = []
    notes: list[str] = []
    for number, (domain, files) in enumerate(domains.items()):
        parts, said = split_files(domain, [(n, data) for n, data in files if data], share)
        rows += [(number, data, held) for data, held in parts]
        notes += said
    lengths = np.array([len(data) for _, data, _ in rows], np.int64)
    index = Index(
        domain=np.array([number for number, _, _ in rows], np.int64),
        start=np.cumsum(lengths) - lengths,
        length=lengths,
        held_out=np.array([held for _, _, held in rows], np.bool_),
    )
    stream = np.frombuffer(b"".join(data for _, data, _ in rows), np.uint8)
    return TextData(text_facts(name, title, tuple(domains), stream, index), stream, index, notes)


def text_facts(name: str, title: str, domains: tuple[str, ...], stream: Array, index: Index) -> DataFacts:
    """What the studio may rely on. `smallest_file` is the longest window that every domain can still fill."""
    held = int(index.length[index.held_out].sum())
    facts = DataFacts(
        name=name,
        kind="text",
        title=title,
        fingerprint=text_fingerprint(domains, stream, index),
        domains=domains,
        heads=(Head(name="next", kind="classes", size=BYTES),),
        causal=True,
        vocabulary=BYTES,
        has_token_id=True,
        n_train=int(index.length.sum()) - held,
        n_held_out=held,
        smallest_file=min(index.longest(d, held) for d in range(len(domains)) for held in (False, True)),
    )
    return offering_tasks(facts)


def text_fingerprint(domains: tuple[str, ...], stream: Array, index: Index) -> str:
    """sha256 over the bytes, their domains and files, and the split."""
    print_ = Fingerprint().add("domains", "\n".join(domains).encode()).add("stream", stream)
    for part in (index.domain, index.length, index.held_out):
        print_.add("index", part)
    return print_.hex()


def split_files(domain: str, files: Files, share: float) -> tuple[list[tuple[bytes, bool]], list[str]]:
    """Parts of a domain with whether each is held out, and what to tell the user.

    Files are held out whole, in an order fixed by their names. Where none is small enough for that, as in a
    domain of one file, the end of the longest file is held out.
    """
    total = sum(len(data) for _, data in files)
    held: set[str] = set()
    size = 0
    for name, data in sorted(files, key=lambda file: name_order(file[0])):
        if size < share * total and size + len(data) <= 2 * share * total:
            held.add(name)
            size += len(data)
    if size >= share * total / 2:
        return [(data, name in held) for name, data in files], []
    longest, data = max(files, key=lambda file: len(file[1]), default=("", b""))
    cut = cut_point(data, len(data) - max(1, int(share * total)))
    if not 0 < cut < len(data):
        raise DataError(
            f"The domain {shorten(domain)} has only {total} bytes.",
            "It cannot be split into a part to train on and a part to evaluate on.",
            "add more text to it.",
        )
    parts = [(d, False) for name, d in files if name != longest] + [(data[:cut], False), (data[cut:], True)]
    note = f"Domain {shorten(domain)}: the last {len(data) - cut} bytes of {shorten(longest)} are held out."
    return parts, [note]


def name_order(name: str) -> str:
    """A fixed shuffle of names."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()


def cut_point(data: bytes, near: int) -> int:
    """Where to cut: at the end of a line not far before `near`, else not inside a UTF-8 character."""
    line = data.rfind(b"\n", max(0, near - 512), near) + 1
    if line:
        return line
    while near > 0 and data[near] & 0xC0 == 0x80:
        near -= 1
    return near
