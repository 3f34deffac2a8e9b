"""Whatever bytes a user gives, `inspect` answers; it never raises."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.errors import DataError
from core.data.ingest import inspect
from core.data.own.images import decode
from tests.core.data.files import WORDS, picture_zip, png, table_csv, upload, zipped


def parquet() -> bytes:
    out = io.BytesIO()
    words = ["a", "b", None, "c"] * 10
    pq.write_table(pa.table({"n": range(40), "w": words, "y": ["k0", "k1"] * 20}), out)
    return out.getvalue()


WHOLE = {
    "a.txt": WORDS * 60,
    "a.csv": table_csv(),
    "a.zip": zipped({"x/a.txt": WORDS * 60, "y/b.txt": WORDS * 60}),
    "pics.zip": picture_zip(),
    "a.parquet": parquet(),
}


@pytest.mark.parametrize("name", WHOLE)
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6), keep=st.floats(0, 1.5))
def test_damaged_files_are_answered(name: str, places: list[tuple[float, int]], keep: float) -> None:
    data = bytearray(WHOLE[name])
    for place, value in places:
        data[min(len(data) - 1, int(place * len(data)))] = value
    del data[int(min(1.0, keep) * len(data)) :]
    preview = inspect(upload(name, bytes(data)))
    assert (preview.facts is None) == bool(preview.problems)


@given(
    data=st.binary(max_size=300), name=st.sampled_from(["a.txt", "a.csv", "a.zip", "a.parquet", "a.png", "a"])
)
def test_any_bytes_are_answered(data: bytes, name: str) -> None:
    preview = inspect(upload(name, data))
    assert all("To fix this, " in str(problem) for problem in preview.problems)
    assert preview.problems


@given(text=st.text(max_size=200))
def test_any_table_of_text_is_answered(text: str) -> None:
    preview = inspect(upload("a.csv", ("a,b\n" + text).encode("utf-8", "replace")))
    assert (preview.facts is None) == bool(preview.problems)


@given(places=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_a_damaged_picture_is_a_picture_or_an_error(places: list[tuple[int, int]]) -> None:
    data = bytearray(png(size=(20, 20)))
    for place, value in places:
        data[place % len(data)] = value
    try:
        assert decode("a.png", bytes(data), 8, True).shape == (8, 8, 3)
    except DataError as error:
        assert error.what.startswith("'a.png' ")  # noqa: PT017
