"""One door to all data: by the name of a built-in source, the id of a stored data set, or a path."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from core.data.base import Dataset
from core.data.errors import DataError, listing, shorten
from core.data.ingest import Options, ingest
from core.data.registry import BUILT_IN, Source
from core.data.store import ID, open_stored, stored
from core.design.saying import number


def load(name: str, root: Path, options: Options | None = None, *, paths: bool = True) -> Dataset:
    """The data set of `name`: `text`, `digits`, `table:NAME`, an id under `root/datasets`, or a path.

    A path is stored under its content first, with `options`; `facts.name` is then its id. Where a name may
    come from a stranger, as in a browser, `paths=False` keeps them from reading this machine's files.

    Raises:
        DataError: no such data, or a path that cannot be used.
    """
    for source in BUILT_IN:
        if source.name == name:
            return source.open()
    if ID.fullmatch(name) and (root / "datasets" / name).is_dir():
        return open_stored(name, root)
    if paths and name.strip() and Path(name).expanduser().exists():
        return open_stored(ingest(name, root, options).name, root)
    known = [source.name for source in sources(root)]
    near = get_close_matches(name, known, n=1)
    raise DataError(
        f"There is no data named {shorten(name)}, and no such file or folder.",
        f"Known are {listing(known, 12)}.",
        f"write {shorten(near[0])}." if near else "choose one of these, or the path of a file or folder.",
    )


def sources(root: Path | None = None) -> Iterator[Source]:
    """Everything to train on, without reading it: built-in sources, then data sets stored under `root`."""
    yield from BUILT_IN
    if root is None:
        return
    for facts in stored(root):
        size = "bytes" if facts.kind == "text" else "examples"
        domains = f"{len(facts.domains)} domain{'' if len(facts.domains) == 1 else 's'}"
        summary = f"{number(facts.n_train + facts.n_held_out)} {size}, {domains}"
        yield Source(
            facts.name, facts.title, facts.kind, summary, partial(open_stored, facts.name, root), facts
        )
