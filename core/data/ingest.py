"""The user's own data: look at it, then store it. What `inspect` finds no problem with, `ingest` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.data import store
from core.data.base import Dataset
from core.data.columns import Column
from core.data.errors import DataError, shorten
from core.data.own import images, table, text
from core.data.own.files import Given, Opened, open_files
from core.data.table import TargetKind, build_table
from core.design.facts import DataFacts, DataKind


@dataclass(frozen=True)
class Options:
    """How own data is read. Everything has a default that is guessed from the data.

    `targets`, `kinds` (of targets) and `ignore` name columns of a table; `side` (px) and `color` are for
    images; `encoding` and `domains` for text. `held_out` is the share to evaluate on: 0.1 of text, by whole
    files, or 0.2 of examples.
    """

    kind: DataKind | None = None
    title: str = ""
    encoding: text.Encoding = "utf-8"
    domains: text.DomainRule = "auto"
    targets: tuple[str, ...] = ()
    kinds: Mapping[str, TargetKind] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    side: int = 32
    color: bool = False
    held_out: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 4 <= self.side <= 256:
            raise DataError(
                f"A side of {self.side} px.", "Images are 4 to 256 px.", "choose a side in between."
            )
        if self.held_out is not None and not 0.01 <= self.held_out <= 0.5:
            raise DataError(
                f"A held-out share of {self.held_out}.", "It is 0.01 to 0.5.", "choose a share in between."
            )


@dataclass(frozen=True)
class ColumnInfo:
    """A column of a table, for choosing a target."""

    name: str
    looks_like: TargetKind
    distinct: int
    missing: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What own data looks like. With `problems` it cannot be stored; without, `facts` say what it becomes.

    `sizes` of domains are bytes of text or examples, held-out ones included.
    """

    title: str = ""
    kind: DataKind | None = None
    files: int = 0
    size: int = 0
    columns: tuple[ColumnInfo, ...] = ()
    targets: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[DataError, ...] = ()
    facts: DataFacts | None = None


def inspect(given: Given, options: Options | None = None) -> Preview:
    """Read everything and store nothing. Never raises for what the user gave: see `Preview.problems`."""
    options = options or Options()
    preview = Preview()
    try:
        opened = titled(open_files(given), options)
        preview = Preview(opened.title, None, len(opened.files), sum(file.size for file in opened.files))
        kind = options.kind or guess_kind(opened)
        preview = replace(preview, kind=kind)
        if kind == "table":
            columns, notes = columns_of(opened, options)
            targets = options.targets or (table.likely_target(columns),)
            preview = replace(preview, columns=tuple(map(info_of, columns)), targets=targets)
            data = table_of(opened, columns, [*opened.notes, *notes], options)
        else:
            data = read(opened, options)
    except DataError as error:
        return replace(preview, problems=(error,))
    return replace(preview, sizes=data.sizes(), notes=data.notes, facts=data.facts)


def ingest(given: Given, root: Path, options: Options | None = None) -> DataFacts:
    """Store own data under `root/datasets` and return its facts, whose name is its id.

    Raises:
        DataError: the data cannot be used as asked, or not written. Nothing is left behind.
    """
    options = options or Options()
    return store.save(read(titled(open_files(given), options), options), root)


def read(opened: Opened, options: Options) -> Dataset:
    """The data set these files become, in memory."""
    kind = options.kind or guess_kind(opened)
    if kind == "table":
        columns, notes = columns_of(opened, options)
        return table_of(opened, columns, [*opened.notes, *notes], options)
    data: Dataset
    if kind == "image":
        data = images.read_images(
            opened.title,
            opened.files,
            side=options.side,
            color=options.color,
            share=options.held_out,
            seed=options.seed,
        )
    else:
        data = text.read_text(opened.title, opened.files, options.encoding, options.domains, options.held_out)
    data.notes += opened.notes
    return data


def guess_kind(opened: Opened) -> DataKind:
    """By the endings of the names: any image, one table alone, else text."""
    if any(file.suffix in images.SUFFIXES for file in opened.files):
        return "image"
    if len(opened.files) == 1 and opened.files[0].suffix in table.SUFFIXES:
        return "table"
    return "text"


def titled(opened: Opened, options: Options) -> Opened:
    return replace(opened, title=(options.title.strip() or opened.title)[:200])


def columns_of(opened: Opened, options: Options) -> tuple[list[Column], list[str]]:
    """Columns of the one table there is, and notes."""
    if len(opened.files) != 1:
        raise DataError(
            f"There are {len(opened.files)} files.",
            "A table is one file.",
            "give one file, or read them as text.",
        )
    return table.read_columns(opened.files[0], options.encoding)


def table_of(opened: Opened, columns: Sequence[Column], notes: Sequence[str], options: Options) -> Dataset:
    """A table with the targets chosen, else the likely one."""
    targets = options.targets or (table.likely_target(columns),)
    data = build_table(
        "own",
        opened.title,
        columns,
        targets,
        kinds=options.kinds,
        ignore=options.ignore,
        seed=options.seed,
        **({} if options.held_out is None else {"share": options.held_out}),
    )
    said = [] if options.targets else [f"The target is {shorten(targets[0])}, since none was chosen."]
    data.notes += (*notes, *said)
    return data


def info_of(column: Column) -> ColumnInfo:
    """A column in a few numbers and words."""
    values = column.values
    return ColumnInfo(
        column.name, column.looks_like, len(values), int(column.missing.sum()), tuple(values[:5])
    )
