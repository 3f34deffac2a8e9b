"""Every bad upload: a clear message, the same from `inspect`, and nothing left behind."""

import io
import os
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.errors import DataError, shorten
from core.data.ingest import Options, ingest, inspect
from core.data.load import load
from core.data.own import files as files_module
from core.data.own.files import Given, Upload
from tests.core.data.files import WORDS, everything_in, picture_zip, png, table_csv, upload, zipped

TEXT = WORDS * 100


def special_zip(change: Callable[[zipfile.ZipInfo], None], data: bytes = TEXT) -> bytes:
    """A zip with one changed header."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("a.txt")
        change(info)
        archive.writestr(info, data)
    return out.getvalue()


def link(info: zipfile.ZipInfo) -> None:
    info.external_attr = 0o120777 << 16


def encrypted_zip() -> bytes:
    data = bytearray(zipped({"a.txt": TEXT}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def lying_zip(declared: int) -> bytes:
    """Headers that declare another size than the data has."""
    data = bytearray(zipped({"a.txt": TEXT}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(signature) + offset, declared)
    return bytes(data)


def parquet(**columns: object) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def rows(header: str, *lines: str) -> bytes:
    return "\n".join([header, *lines]).encode()


def many_classes(n: int) -> bytes:
    return rows("a,kind", *(f"{i},k{i % n}" for i in range(2 * n)))


CASES: dict[str, tuple[Given, Options, str]] = {
    "nothing": ((), Options(), "no files"),
    "empty": (upload("a.txt", b""), Options(), "'a.txt' is empty"),
    "all empty": ((upload("a.txt", b""), upload("b.txt", b"")), Options(), "All files are empty"),
    "same name": ((upload("x/a.txt", TEXT), upload("x_a.txt", TEXT)), Options(), "Two uploads"),
    "binary": (upload("a.txt", bytes(range(256)) * 20), Options(), "'a.txt' is not text"),
    "control bytes": (upload("a.txt", b"\x01\x02abc" * 1000), Options(), "control bytes"),
    "latin-1": (upload("a.txt", TEXT + b"caf\xe9\n" + TEXT), Options(), "line 101"),
    "utf-16": (upload("a.txt", TEXT.decode().encode("utf-16")), Options(), "UTF-16"),
    "little text": (upload("a.txt", b"short"), Options(), "2,048 bytes"),
    "little domain": (
        upload("a.zip", zipped({"x/a.txt": TEXT, "y/b.txt": b"short"})),
        Options(),
        "'y'",
    ),
    "too many domains": (
        upload("a.zip", zipped({f"{i}/a.txt": TEXT for i in range(65)})),
        Options(),
        "65 domains",
    ),
    "no zip": (upload("a.zip", b"PK\x03\x04 not really"), Options(), "not a zip"),
    "cut zip": (upload("a.zip", zipped({"a.txt": TEXT})[:-30]), Options(), "not a zip"),
    "empty zip": (upload("a.zip", zipped({})), Options(), "no files"),
    "office": (upload("a.zip", zipped({"[Content_Types].xml": TEXT})), Options(), "office"),
    "nested zip": (upload("a.zip", zipped({"b.zip": zipped({"a": TEXT})})), Options(), "'b.zip'"),
    "dots": (upload("a.zip", zipped({"../a.txt": TEXT})), Options(), "'../a.txt'"),
    "inner dots": (upload("a.zip", zipped({"x/../../a.txt": TEXT})), Options(), "leads out"),
    "absolute": (upload("a.zip", zipped({"/etc/a.txt": TEXT})), Options(), "leads out"),
    "drive": (upload("a.zip", zipped({"C:/a.txt": TEXT})), Options(), "leads out"),
    "backslash": (upload("a.zip", zipped({"..\\a.txt": TEXT})), Options(), "leads out"),
    "zipped link": (upload("a.zip", special_zip(link)), Options(), "is a link"),
    "encrypted": (upload("a.zip", encrypted_zip()), Options(), "encrypted"),
    "declares too little": (upload("a.zip", lying_zip(50)), Options(), "damaged"),
    "declares too much": (upload("a.zip", lying_zip(2**31)), Options(), "200 MB"),
    "bomb": (upload("a.zip", zipped({"a.txt": b"a" * 30_000_000})), Options(), "zip bomb"),
    "many bombs": (
        upload("a.zip", zipped({f"{i}.txt": b"a" * 25_000_000 for i in range(9)}, compresslevel=1)),
        Options(),
        "The limit is 200 MB",
    ),
    "table of several": (
        (upload("a.csv", table_csv()), upload("b.csv", table_csv())),
        Options(kind="table"),
        "2 files",
    ),
    "ragged": (upload("a.csv", b"a,b\n1,2\n3\n"), Options(), "Line 3"),
    "open quote": (upload("a.csv", b'a,b\n1,"2\n'), Options(), "cannot be read"),
    "doubled name": (upload("a.csv", b"a,b,a\n1,2,3\n"), Options(), "'a'"),
    "no header": (upload("a.csv", b"1,2,3\n4,5,6\n"), Options(), "numbers only"),
    "header only": (upload("a.csv", b"a,b\n"), Options(), "no rows"),
    "one column": (upload("a.csv", b"a\n1\n2\n"), Options(), "1 columns"),
    "binary csv": (upload("a.csv", b"a,b\n\0\0,1\n"), Options(), "not text"),
    "no such target": (upload("a.csv", table_csv()), Options(targets=("colour",)), "'colour'"),
    "no such column": (upload("a.csv", table_csv()), Options(ignore=("x",)), "'x'"),
    "one class": (upload("a.csv", rows("a,y", *(f"{i},yes" for i in range(20)))), Options(), "one class"),
    "rare class": (
        upload("a.csv", rows("a,y", "0,odd", *(f"{i},{'yn'[i % 2]}" for i in range(20)))),
        Options(),
        "'odd'",
    ),
    "few rows": (upload("a.csv", rows("a,y", "1,n", "2,n", "3,y", "4,y")), Options(), "fewer than the 10"),
    "few values": (
        upload("a.csv", rows("a,y", "1,1.5", "2,2.5")),
        Options(),
        "2 values",
    ),
    "constant value": (
        upload("a.csv", rows("a,y", *(f"{i},0.5" for i in range(20)))),
        Options(),
        "one value only",
    ),
    "target all missing": (
        upload("a.csv", rows("a,y", *(f"{i}," for i in range(20)))),
        Options(),
        "no values",
    ),
    "column all missing": (
        upload("a.csv", rows("a,b,y", *(f"{i},,{'yn'[i % 2]}" for i in range(20)))),
        Options(),
        "'b' has no values",
    ),
    "words as value": (upload("a.csv", table_csv()), Options(kinds={"kind": "value"}), "holds words"),
    "free text": (
        upload("a.csv", rows("a,y", *(f"name{i},{'yn'[i % 2]}" for i in range(600)))),
        Options(),
        "different words",
    ),
    "too many classes": (upload("a.csv", many_classes(1001)), Options(), "1001 different values"),
    "too many columns": (
        upload("a.csv", rows(",".join(f"c{i}" for i in range(4097)), ",".join("1" * 4097))),
        Options(),
        "4,097 columns",
    ),
    "too many features": (
        upload(
            "a.csv",
            rows(
                ",".join([f"c{j}" for j in range(30)] + ["y"]),
                *(",".join([f"w{i % 200}"] * 30 + ["yn"[i % 2]]) for i in range(2000)),
            ),
        ),
        Options(),
        "more than 4096 features",
    ),
    "only a constant": (
        upload("a.csv", rows("a,y", *(f"1,{'yn'[i % 2]}" for i in range(20)))),
        Options(),
        "No column is left",
    ),
    "bad parquet": (upload("a.parquet", b"PAR1 and then nothing"), Options(), "Parquet"),
    "cut parquet": (upload("a.parquet", parquet(a=[1, 2], y=[1, 2])[:-10]), Options(), "Parquet"),
    "wide parquet": (
        upload("a.parquet", parquet(a=["x" * 100_000] * 100, y=[1] * 100)),
        Options(),
        "one class",
    ),
    "nested parquet": (upload("a.parquet", parquet(a=[[1], [2]], y=[1, 2])), Options(), "1 columns"),
    "endless parquet": (
        upload("a.parquet", parquet(a=np.zeros(3_000_000, np.int8), y=np.zeros(3_000_000, np.int8))),
        Options(),
        "5,000,000 cells",
    ),
    "one class of images": (upload("a.zip", picture_zip(1, 12)), Options(), "one class"),
    "images in no folder": (
        upload("a.zip", zipped({"1.png": png(), "2.png": png()})),
        Options(),
        "no folders",
    ),
    "some in no folder": (
        upload("a.zip", zipped({"1.png": png(), "a/2.png": png()})),
        Options(),
        "Some images lie in no folder",
    ),
    "no image": (
        upload("a.zip", zipped({f"{c}/{i}.png": png() if i else b"no" for c in "ab" for i in range(6)})),
        Options(),
        "'a/0.png' is not an image",
    ),
    "cut image": (
        upload("a.zip", zipped({f"{c}/{i}.png": png() if i else png()[:50] for c in "ab" for i in range(6)})),
        Options(),
        "'a/0.png' is not an image",
    ),
    "image bomb": (
        upload(
            "a.zip",
            zipped(
                {
                    f"{c}/{i}.png": png(size=(8000, 6000) if i == 0 and c == "a" else (8, 8))
                    for c in "ab"
                    for i in range(6)
                }
            ),
        ),
        Options(),
        "8,000 x 6,000",
    ),
    "too few images": (upload("a.zip", picture_zip(2, 2)), Options(), "fewer than the 10"),
    "lone image": (
        upload("a.zip", zipped({f"a/{i}.png": png() for i in range(11)} | {"b/0.png": png()})),
        Options(),
        "'b'",
    ),
}


@pytest.mark.parametrize(("given", "options", "says"), CASES.values(), ids=CASES.keys())
def test_a_bad_upload_is_explained_and_leaves_nothing(
    given: Given, options: Options, says: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="To fix this, ") as error:
        ingest(given, tmp_path, options)
    assert says in str(error.value)
    assert everything_in(tmp_path) == []
    preview = inspect(given, options)
    assert [str(problem) for problem in preview.problems] == [str(error.value)]
    assert preview.facts is None


def test_a_folder_with_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "secret.txt").write_bytes(TEXT)
    (tmp_path / "own" / "a.txt").write_bytes(TEXT)
    link = tmp_path / "own" / "b.txt"
    link.symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DataError, match=re.escape(f"{shorten(str(link))} is a link") + ".*To fix this"):
        load(str(tmp_path / "own"), tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not exist.*To fix this"):
        ingest(tmp_path / "none", tmp_path)


@pytest.mark.parametrize("change", ["grown", "shrunk", "link", "pipe", "other"])
def test_a_file_that_changes_after_it_was_listed_is_refused(tmp_path: Path, change: str) -> None:
    """The caps and the ban on links hold for what is read, not only for what was seen first."""
    own, secret = tmp_path / "own", tmp_path / "secret.txt"
    own.mkdir()
    path = own / "a.txt"
    path.write_bytes(TEXT)
    secret.write_bytes(TEXT)
    (file,) = files_module.open_files(own).files
    if change == "grown":
        path.write_bytes(TEXT + b"x")
    elif change == "shrunk":
        path.write_bytes(TEXT[:-1])
    else:
        path.rename(tmp_path / "before.txt")
        if change == "link":
            path.symlink_to(secret)
        elif change == "pipe":
            os.mkfifo(path)
        else:
            path.write_bytes(TEXT)
    with pytest.raises(DataError, match=r"(changed while it was read|cannot be read).*To fix this"):
        file.read()


def test_a_link_that_the_user_names_is_followed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(TEXT)
    (tmp_path / "link.txt").symlink_to(tmp_path / "notes.txt")
    (file,) = files_module.open_files(tmp_path / "link.txt").files
    assert (file.name, file.read()) == ("link.txt", TEXT)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_module, "MAX_FILES", 3)
    members = {f"{i}.txt": TEXT for i in range(4)}
    (tmp_path / "own").mkdir()
    for name, data in members.items():
        (tmp_path / "own" / name).write_bytes(data)
    for given in (Upload("a.zip", zipped(members)), tmp_path / "own"):
        with pytest.raises(DataError, match=r"4 files.*To fix this"):
            ingest(given, tmp_path / "root")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **values: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match=r"No space left on device.*To fix this, free some space"):
        ingest(upload("a.txt", TEXT), tmp_path)
    assert everything_in(tmp_path / "datasets") == []


@pytest.mark.parametrize("values", [{"side": 2}, {"side": 1000}, {"held_out": 0.0}, {"held_out": 0.9}])
def test_options_out_of_range(values: dict[str, float]) -> None:
    with pytest.raises(DataError, match="To fix this"):
        Options(**values)
