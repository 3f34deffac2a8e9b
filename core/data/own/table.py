"""Own tables: CSV and Parquet as columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from core.data.columns import MAX_FEATURES, Column, column_of, word_of
from core.data.errors import DataError, listing, shorten
from core.data.own.files import MAX_BYTES, File
from core.data.own.text import Encoding, clean

SUFFIXES = frozenset((".csv", ".tsv", ".parquet", ".pq"))
LIKELY_TARGETS = ("target", "label", "labels", "class", "y")
MAX_CELLS = 5_000_000
SEPARATORS = ",;\t|"


def read_columns(file: File, encoding: Encoding) -> tuple[list[Column], list[str]]:
    """Columns of a table and notes on what was left out.

    Raises:
        DataError: not a table, ragged rows, doubled names, or more cells than the cap.
    """
    data = file.read()
    if data.startswith(b"PAR1") or file.suffix in (".parquet", ".pq"):
        columns, notes = read_parquet(file.name, data)
    else:
        columns, notes = read_csv(file.name, clean(file.name, data, encoding).decode()), []
    if len(columns) < 2:
        raise DataError(
            f"{shorten(file.name)} has {len(columns)} columns that can be read.",
            "A model needs one column to predict and one to predict it from.",
            "separate columns by commas, and give at least two.",
        )
    return columns, notes


def likely_target(columns: Sequence[Column]) -> str:
    """A column named like a target, else the last."""
    named = [c.name for c in columns if c.name.lower() in LIKELY_TARGETS]
    return named[0] if named else columns[-1].name


def read_csv(name: str, text: str) -> list[Column]:
    """Columns of a CSV with a header line. Separated by comma, semicolon, tab or bar.

    Between semicolons a comma may be the decimal sign, as spreadsheets of many countries write it.
    """
    separator = separator_of(text)
    decimal_comma = separator == ";"
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    cells = 0
    try:
        for row in reader:
            if not row:
                continue
            if rows and len(row) != len(rows[0]):
                raise DataError(
                    f"Line {reader.line_num} of {shorten(name)} has {len(row)} cells, not {len(rows[0])}.",
                    "Every row needs one cell for each column of the header.",
                    "add the missing cells, or quote those that contain the separator.",
                )
            cells += len(row)
            if cells > MAX_CELLS:
                raise too_large(name)
            rows.append(row)
    except csv.Error as error:
        raise DataError(
            f"Line {reader.line_num} of {shorten(name)} cannot be read.",
            f"{error}.",
            "check the quotes of this line.",
        ) from error
    if len(rows) < 2:
        raise DataError(
            f"{shorten(name)} has no rows.", "A table is a header and rows.", "add rows below the header."
        )
    names = header_names(name, rows[0], decimal_comma=decimal_comma)
    return [
        column_of(column, [row[i] for row in rows[1:]], decimal_comma=decimal_comma)
        for i, column in enumerate(names)
    ]


def separator_of(text: str) -> str:
    """The separator that cuts most of the first lines into as many cells as the header, more than one."""

    def score(separator: str) -> tuple[int, int]:
        counts: list[int] = []
        # A separator that does not fit, or the cut below, may leave a quote open: rows so far still count.
        with suppress(csv.Error):
            for row in csv.reader(io.StringIO(text[:65536], newline=""), delimiter=separator):
                counts += [len(row)] if row else []
        if not counts or counts[0] < 2:
            return (0, 0)
        return (counts.count(counts[0]), counts[0])

    return max(SEPARATORS, key=score)


def header_names(table: str, header: Sequence[str], *, decimal_comma: bool = False) -> list[str]:
    """Names of the columns, a number for an empty one.

    Raises:
        DataError: names twice, too many columns, or numbers where names should be.
    """
    names = [name.strip() or f"column {i}" for i, name in enumerate(header, 1)]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(
            f"{shorten(table)} has several columns named {listing(twice)}.",
            "Columns are told apart by name.",
            "give each its own name.",
        )
    if len(names) > MAX_FEATURES:
        raise DataError(
            f"{shorten(table)} has {len(names):,} columns.",
            f"The limit is {MAX_FEATURES:,}.",
            "leave some out.",
        )
    if column_of("", header, decimal_comma=decimal_comma).numbers is not None:
        raise DataError(
            f"The first line of {shorten(table)} holds numbers only.",
            "It is taken for the names of the columns.",
            "write a header line above it.",
        )
    return names


def too_large(name: str) -> DataError:
    return DataError(
        f"{shorten(name)} has more than {MAX_CELLS:,} cells.",
        "The studio reads tables into memory.",
        "give fewer rows or columns.",
    )


def read_parquet(name: str, data: bytes) -> tuple[list[Column], list[str]]:
    """Columns of numbers, words and booleans; columns of other types are left out and named."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(pa.BufferReader(data))
        words = [f.name for f in schema if is_words(f.type)]
        # Words stay dictionary-encoded, so a file of a few bytes cannot unfold to gigabytes of repeats.
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=words)
        names = header_names(name, schema.names)
        if file.metadata.num_rows * len(names) > MAX_CELLS:
            raise too_large(name)
        usable = [
            f.name for f in schema if is_words(f.type) or is_number(f.type) or pa.types.is_boolean(f.type)
        ]
        chunks: dict[str, list[Any]] = {column: [] for column in usable}
        size = 0
        for batch in file.iter_batches(batch_size=65536, columns=usable):
            size += batch.nbytes
            if size > MAX_BYTES:
                raise too_large(name)
            for column in usable:
                chunks[column].append(batch.column(column))
        columns = [parquet_column(column, parts) for column, parts in chunks.items()]
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(
            f"{shorten(name)} is not a Parquet file that can be read.",
            f"{reason}.",
            "write it again, or save CSV.",
        ) from error
    if columns and not len(columns[0]):
        raise DataError(f"{shorten(name)} has no rows.", "There is nothing to learn.", "add rows.")
    left = [column for column in names if column not in usable]
    return columns, [f"Columns of types that are not read are left out: {listing(left)}."] if left else []


def is_words(kind: Any) -> bool:
    """Whether a Parquet type is text, dictionary-encoded or not."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_string(kind) or types.is_large_string(kind))


def is_number(kind: Any) -> bool:
    """Whether a Parquet type is a whole, floating or decimal number."""
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def parquet_column(name: str, parts: Sequence[Any]) -> Column:
    """Batches of one Parquet column as a column; words and marks of missing ones as in CSV."""
    import pyarrow as pa

    if parts and is_number(parts[0].type):
        numbers = np.concatenate(
            [p.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for p in parts]
        )
        return Column(name, np.where(np.isfinite(numbers), numbers, np.nan))
    words: list[str | None] = []
    for part in parts:
        if isinstance(part, pa.DictionaryArray):
            known = [None if word is None else word_of(word) for word in part.dictionary.to_pylist()]
            words += [None if i is None else known[i] for i in part.indices.to_pylist()]
        else:
            # Words come dictionary-encoded: these are booleans.
            words += [None if value is None else str(value).lower() for value in part.to_pylist()]
    return Column(name, words=tuple(words))
