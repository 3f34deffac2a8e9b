"""A table as a data set: feature columns in, target columns out. Built-in and uploaded tables share this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.data.base import Array, Ints, offering_tasks
from core.data.columns import Column, Mask, encode, standardise
from core.data.errors import DataError, listing, shorten
from core.data.examples import (
    HELD_OUT,
    ExampleData,
    Examples,
    need_examples,
    stratified_split,
)
from core.design.facts import DataFacts
from core.design.tasks.base import Head

TargetKind = Literal["classes", "value"]
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
MAX_CLASSES = 1000
MAX_DOMAINS = 64
UNLABELLED = "no label"


@dataclass(frozen=True)
class Target:
    """A target column read as classes or as a value. `labels` of missing rows are -1 or NaN."""

    head: Head
    labels: Array
    domain: Ints
    domains: tuple[str, ...]
    classes: tuple[str, ...] = ()

    @property
    def missing(self) -> Mask:
        return np.isnan(self.labels) if self.head.kind == "value" else self.labels < 0


def build_table(
    name: str,
    title: str,
    columns: Sequence[Column],
    targets: Sequence[str],
    *,
    kinds: Mapping[str, TargetKind] | None = None,
    ignore: Iterable[str] = (),
    share: float = HELD_OUT,
    seed: int = 0,
) -> ExampleData:
    """A data set whose heads are the target columns and whose features are all others but `ignore`.

    The domain of a row is the class of the first target, or the quarter its value falls in. Rows are split by
    that domain. Rows without any label are left out; a missing label of several is masked.

    Raises:
        DataError: an unknown column, a target that cannot be learned, or too few rows.
    """
    by_name = {column.name: column for column in columns}
    check_names([*targets, *ignore], targets, tuple(by_name))
    read = [read_target(by_name[target], (kinds or {}).get(target)) for target in targets]
    labelled = ~np.logical_and.reduce([target.missing for target in read])
    domain, domains = domains_of(read[0], labelled)
    held_out = stratified_split(domain[labelled], share=share, seed=seed)
    train = np.zeros(len(labelled), np.bool_)
    train[np.flatnonzero(labelled)[~held_out]] = True
    encoded = encode([c for c in columns if c.name not in {*targets, *ignore}], train)
    labels: dict[str, Array] = {}
    scales: dict[str, tuple[float, float]] = {}
    for target in read:
        scaled, scale = scale_target(target, train)
        labels[target.head.name] = scaled[labelled]
        scales |= scale
    examples = Examples(encoded.features[labelled], labels, domain[labelled], held_out)
    left_out = int((~labelled).sum())
    return ExampleData(
        table_facts(name, title, examples, domains, tuple(target.head for target in read)),
        examples,
        notes=[*encoded.notes, *([f"{left_out} rows without a label are left out."] if left_out else [])],
        scales=scales,
        classes={target.head.name: target.classes for target in read if target.classes},
        columns=encoded.names,
    )


def table_facts(
    name: str, title: str, examples: Examples, domains: tuple[str, ...], heads: tuple[Head, ...]
) -> DataFacts:
    """What the studio may rely on."""
    held = int(examples.held_out.sum())
    facts = DataFacts(
        name=name,
        kind="table",
        title=title,
        domains=domains,
        heads=heads,
        features=examples.inputs.shape[1],
        tokens_per_example=1,
        n_train=len(examples.inputs) - held,
        n_held_out=held,
    )
    return offering_tasks(facts)


def check_names(asked: Sequence[str], targets: Sequence[str], names: tuple[str, ...]) -> None:
    """Raise DataError for columns that are not there, and for no target or two of the same name."""
    for column in asked:
        if column not in names:
            raise DataError(
                f"There is no column {shorten(column)}.",
                f"The table has {listing(names)}.",
                "choose one of these columns.",
            )
    if not targets:
        raise DataError(
            "No target column is chosen.", "A model needs something to predict.", "choose a column."
        )
    if len({head_name(target) for target in targets}) < len(targets):
        raise DataError(
            "Two targets have the same name.", "Each is one head of the model.", "rename one of them."
        )


def read_target(column: Column, kind: TargetKind | None) -> Target:
    """A column as classes or a value, by `kind` or by what it looks like."""
    missing = column.missing
    if missing.all():
        raise DataError(
            f"The target {shorten(column.name)} has no values.",
            "All its cells are missing, so there is nothing to learn.",
            "fill the column, or choose another target.",
        )
    if (kind or column.looks_like) == "value":
        return read_value(column)
    return read_classes(column)


def read_classes(column: Column) -> Target:
    """Classes in the order of their names, or of their numbers."""
    names, codes = tuple(column.values), column.codes()
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"The target {shorten(column.name)} has {len(names)} different values.",
            f"A classifier here tells up to {MAX_CLASSES} classes apart.",
            "predict it as a value if it is a number, or choose another target.",
        )
    need_examples(names, codes, f"The target {shorten(column.name)}")
    head = Head(name=head_name(column.name), kind="classes", size=len(names))
    few = len(names) <= MAX_DOMAINS
    return Target(head, codes, codes if few else np.minimum(codes, 0), names if few else ("all rows",), names)


def read_value(column: Column) -> Target:
    """Numbers, with the quarter each falls in as its domain."""
    if column.numbers is None:
        raise DataError(
            f"The target {shorten(column.name)} holds words.",
            "A value must be a number in every row.",
            "predict it as classes, or choose another target.",
        )
    known = column.numbers[~np.isnan(column.numbers)]
    if len(known) < 10:
        raise DataError(
            f"The target {shorten(column.name)} has {len(known)} values.",
            "That is fewer than the 10 needed to split them.",
            "add more rows.",
        )
    cuts = np.quantile(known, (0.25, 0.5, 0.75))
    domain = np.where(np.isnan(column.numbers), -1, np.searchsorted(cuts, column.numbers)).astype(np.int64)
    return Target(Head(name=head_name(column.name), kind="value", size=1), column.numbers, domain, QUARTERS)


def domains_of(target: Target, labelled: Mask) -> tuple[Ints, tuple[str, ...]]:
    """Domain of each row by the first target. Rows that only other targets label get their own domain."""
    if (target.domain[labelled] >= 0).all():
        return target.domain, target.domains
    own = np.where(target.domain < 0, len(target.domains), target.domain)
    return own, (*target.domains, UNLABELLED if UNLABELLED not in target.domains else f"({UNLABELLED})")


def scale_target(target: Target, train: Mask) -> tuple[Array, dict[str, tuple[float, float]]]:
    """Labels as a model sees them, values standardised, and the mean and deviation by head."""
    if target.head.kind != "value":
        return target.labels, {}
    standard, scale = standardise(target.labels, train)
    if standard is None:
        raise DataError(
            f"The target {shorten(target.head.name)} has one value only.",
            "It is the same in every training row, so there is nothing to learn.",
            "choose another target.",
        )
    return standard.astype(np.float32), {target.head.name: scale}


def head_name(column: str) -> str:
    """A column's name as a name of a head: no dots, at most 64 characters."""
    return column.replace(".", "_")[:64]
