"""Data sets on disk: `datasets/<id>/{facts.json, about.json, arrays.npz}`, whole or not there at all."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from pydantic import ValidationError

from core.data.base import Array, Dataset, offering_tasks
from core.data.errors import DataError, shorten
from core.data.examples import ExampleData, Examples
from core.data.text import Index, TextData, text_fingerprint
from core.design.facts import DataFacts
from core.design.files import sync

FORMAT = 1
TEMPORARY = ".new-"
ID = re.compile(r"[a-z0-9-]{1,64}")


def save(data: Dataset, root: Path) -> DataFacts:
    """Store a data set under `root/datasets` and return its facts, whose name is its id.

    The id is made of the title and the fingerprint, so the same data is stored once.

    Raises:
        DataError: the disk is full or cannot be written. Nothing is left behind.
    """
    facts = data.facts.model_copy(update={"name": make_id(data.facts.title, data.facts.fingerprint)})
    folder = root / "datasets"
    final = folder / facts.name
    if (final / "facts.json").is_file():
        return facts
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
        write(temporary / "arrays.npz", lambda file: np.savez(file, allow_pickle=False, **arrays_of(data)))
        write(temporary / "about.json", lambda file: file.write(json.dumps(about(data), indent=1).encode()))
        write(temporary / "facts.json", lambda file: file.write(facts.model_dump_json(indent=1).encode()))
        sync(temporary)
        move(temporary, final)
        sync(folder)
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    return facts


def open_stored(name: str, root: Path) -> Dataset:
    """A stored data set by its id.

    Raises:
        DataError: no such data set, or its files were damaged or changed.
    """
    folder = root / "datasets" / name
    if not ID.fullmatch(name) or not (folder / "facts.json").is_file():
        raise DataError(f"There is no data set {shorten(name)}.", "", "choose another, or add it again.")
    return _open(
        folder, (folder / "arrays.npz").stat().st_mtime_ns if (folder / "arrays.npz").exists() else 0
    )


def delete(name: str, root: Path) -> None:
    """Remove a stored data set, at once for every reader. One that is not there is fine.

    Raises:
        DataError: the files cannot be removed.
    """
    folder = root / "datasets" / name
    if not ID.fullmatch(name) or not folder.is_dir():
        return
    try:
        # A new name first: a half-removed folder must not look like a data set.
        dying = folder.rename(folder.with_name(f"{TEMPORARY}{name}-{time.time_ns()}"))
        shutil.rmtree(dying)
    except OSError as error:
        raise not_written(folder, error) from error


def sweep(folder: Path, older_than: float = 3600.0) -> None:
    """Remove what a killed process left half-written, once it is older than so many seconds."""
    for path in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > older_than:
                shutil.rmtree(path)


def stored(root: Path) -> Iterator[DataFacts]:
    """Facts of all stored data sets, by name. One that cannot be read is left out; opening it says why."""
    for path in sorted((root / "datasets").glob("*/facts.json")):
        if ID.fullmatch(path.parent.name):
            try:
                yield facts_in(path.parent)
            except (OSError, ValidationError):
                continue


def facts_in(folder: Path) -> DataFacts:
    """The facts that a folder holds. Data stored before its kind offered tasks offers them too."""
    return offering_tasks(DataFacts.model_validate_json((folder / "facts.json").read_bytes()))


def make_id(title: str, fingerprint: str) -> str:
    """`my-notes-0123456789ab`: a slug of the title and 12 digits of the fingerprint."""
    slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-")
    return f"{slug or 'data'}-{fingerprint[:12]}"


@lru_cache(maxsize=4)
def _open(folder: Path, changed: int) -> Dataset:
    try:
        facts = facts_in(folder)
        said = json.loads((folder / "about.json").read_bytes())
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']}")
        with np.load(folder / "arrays.npz", allow_pickle=False) as archive:
            data = restore(facts, said, {name: archive[name] for name in archive.files})
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"The data set {shorten(folder.name)} cannot be read.",
            "Its files are damaged or were changed.",
            "delete it and add it again.",
        ) from error
    return data


def restore(facts: DataFacts, said: dict[str, Any], arrays: dict[str, Array]) -> Dataset:
    """The data set of these arrays.

    Raises:
        DataError: a row names a task or a domain that the facts do not have.
        ValueError: the arrays do not match the fingerprint.
    """
    data: Dataset
    check_ids("task", arrays.get("task"), facts.task_names, facts.name)
    check_ids("domain", arrays["domain"], facts.domains, facts.name)
    if facts.kind == "text":
        index = Index(arrays["domain"], arrays["start"], arrays["length"], arrays["held_out"])
        data = TextData(facts, arrays["stream"], index, said["notes"])
        fingerprint = text_fingerprint(facts.domains, data.stream, index)
    else:
        data = ExampleData(
            facts,
            Examples.of_arrays(arrays),
            notes=said["notes"],
            scales={head: (mean, deviation) for head, (mean, deviation) in said["scales"].items()},
            classes={head: tuple(names) for head, names in said["classes"].items()},
            columns=said["columns"],
        )
        fingerprint = data.fingerprint()
    if fingerprint != facts.fingerprint:
        raise ValueError("the fingerprint differs")
    return data


def check_ids(noun: str, id_N: Array | None, names: tuple[str, ...], name: str) -> None:
    """Raise DataError for the first row whose id is not the number of one of the names."""
    if id_N is None:
        return
    wrong = np.flatnonzero((id_N < 0) | (id_N >= len(names)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"Row {row} of {name}/arrays.npz, counted from 0, names {noun} {int(id_N[row])}.",
            f"{noun.capitalize()}s of this data set are numbered 0 to {len(names) - 1}."
            if names
            else f"This data set has no {noun}s.",
            "delete the data set and add it again, each row with a number that is there.",
        )


def arrays_of(data: Dataset) -> dict[str, Array]:
    """Every array of a data set by name."""
    if isinstance(data, TextData):
        index = data.index
        named = {"domain": index.domain, "start": index.start, "length": index.length}
        return named | {"held_out": index.held_out, "stream": data.stream}
    if isinstance(data, ExampleData):
        return data.examples.arrays()
    raise TypeError(f"{type(data).__name__} cannot be stored")


def about(data: Dataset) -> dict[str, Any]:
    """What is neither facts nor arrays."""
    return {
        "format": FORMAT,
        "notes": data.notes,
        "scales": data.scales,
        "classes": data.classes,
        "columns": data.columns,
    }


def write(path: Path, fill: Callable[[IO[bytes]], Any]) -> None:
    """A file that is on the disk when this returns."""
    with path.open("xb") as file:
        fill(file)
    sync(path)


def move(temporary: Path, final: Path) -> None:
    """Give a finished folder its name, unless another process stored the same data meanwhile."""
    try:
        temporary.rename(final)
    except OSError:
        if not (final / "facts.json").is_file():
            raise


def not_written(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"The data set cannot be written to {folder}.",
        f"{error.strerror or error}.",
        "free some space, or choose a folder you may write to.",
    )
