"""Own data that is fine: what it becomes, where it is kept, and that it comes back the same."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.data.errors import DataError
from core.data.examples import ExampleData
from core.data.ingest import Options, ingest, inspect
from core.data.load import load, sources
from core.data.own.files import open_files
from core.data.own.images import decode
from core.data.text import TextData
from tests.core.data.files import WORDS, everything_in, picture_zip, png, table_csv, upload, zipped

TEXT = WORDS * 100
GIVEN = {
    "text": upload("notes.txt", TEXT),
    "several": (upload("a.txt", TEXT), upload("b.txt", TEXT.upper())),
    "zip": upload("project.zip", zipped({"p/src/a.py": TEXT, "p/src/b.py": TEXT, "p/docs/c.md": TEXT})),
    "table": upload("pets.csv", table_csv()),
    "images": upload("pics.zip", picture_zip()),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN.keys())
def test_stored_data_comes_back_the_same(given: object, tmp_path: Path) -> None:
    preview = inspect(given)
    assert preview.problems == ()
    assert everything_in(tmp_path) == []
    facts = ingest(given, tmp_path)
    assert preview.facts is not None
    assert facts == preview.facts.model_copy(update={"name": facts.name})
    assert sum(preview.sizes.values()) == facts.n_train + facts.n_held_out
    data = load(facts.name, tmp_path)
    assert data.facts == facts
    assert data.notes == preview.notes
    batch = data.batch(3, seed=1, size=16, context=20)
    assert set(batch.targets) == {head.name for head in facts.heads}
    assert np.isfinite(batch.inputs).all()
    assert [int(part.domain[0]) for part in data.held_out(2, context=20)] == list(range(len(facts.domains)))
    files = {path.name for path in (tmp_path / "datasets" / facts.name).iterdir()}
    assert files == {"facts.json", "about.json", "arrays.npz"}
    assert [source.facts for source in sources(tmp_path) if source.facts] == [facts]


def test_a_source_counts_its_domains_in_words(tmp_path: Path) -> None:
    ingest(upload("one.txt", b"a line of text\n" * 400), tmp_path)
    (summary,) = [source.summary for source in sources(tmp_path) if source.facts]
    assert summary == "6\u2009000 bytes, 1 domain"


def test_the_same_data_is_stored_once(tmp_path: Path) -> None:
    first = ingest(GIVEN["table"], tmp_path)
    files = {path: path.stat().st_mtime_ns for path in everything_in(tmp_path)}
    assert ingest(GIVEN["table"], tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in everything_in(tmp_path)} == files


def test_fingerprints_follow_content_and_reading() -> None:
    def fingerprint(data: bytes, **options: object) -> str:
        facts = inspect(upload("pets.csv", data), Options(**options)).facts
        assert facts is not None
        return facts.fingerprint

    plain = table_csv()
    assert fingerprint(plain) == fingerprint(plain)
    prints = {
        fingerprint(plain),
        fingerprint(plain.replace(b"dog", b"owl")),
        fingerprint(table_csv(seed=1)),
        fingerprint(plain, targets=("price",)),
        fingerprint(plain, ignore=("size",)),
        fingerprint(plain, seed=1),
        fingerprint(plain, held_out=0.4),
    }
    assert len(prints) == 7


def test_values_in_another_unit_are_other_data() -> None:
    rows = [(i, (i * 37) % 101 + 0.5) for i in range(40)]
    one, two = (
        inspect(upload("a.csv", ("x,y\n" + "".join(f"{x},{y * k}\n" for x, y in rows)).encode())).facts
        for k in (1, 2)
    )
    assert one is not None
    assert two is not None
    assert one.fingerprint != two.fingerprint


def test_changed_files_are_noticed(tmp_path: Path) -> None:
    name = ingest(GIVEN["text"], tmp_path).name
    path = tmp_path / "datasets" / name / "arrays.npz"
    data = bytearray(path.read_bytes())
    data[data.index(WORDS)] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"damaged.*To fix this"):
        load(name, tmp_path)


@pytest.mark.parametrize("missing", ["arrays.npz", "about.json"])
def test_a_missing_part_is_noticed(missing: str, tmp_path: Path) -> None:
    name = ingest(GIVEN["text"], tmp_path).name
    (tmp_path / "datasets" / name / missing).unlink()
    with pytest.raises(DataError, match="To fix this"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", ["zzz", "", " ", "no-such-0123", "no/such/file.csv", "../datasets/x"])
def test_unknown_names_say_what_there_is(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"'text', 'digits'.*To fix this"):
        load(name, tmp_path)


def test_paths_can_be_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(TEXT)
    path = str(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="no data named"):
        load(path, tmp_path, paths=False)
    name = load(path, tmp_path).facts.name
    assert load(name, tmp_path, paths=False).facts.title == "notes"


def test_a_near_name_is_proposed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="write 'table:iris'"):
        load("table:irish", tmp_path)


def test_built_in_sources_have_names_no_upload_can_take(tmp_path: Path) -> None:
    facts = ingest(upload("text.txt", TEXT), tmp_path)
    assert facts.name.startswith("text-")
    assert load("text", tmp_path).facts.domains[0] == "english"


def test_folders_are_domains_and_a_common_root_is_not(tmp_path: Path) -> None:
    facts = ingest(GIVEN["zip"], tmp_path)
    assert facts.domains == ("docs", "src")


def test_a_folder_and_its_zip_are_the_same_data(tmp_path: Path) -> None:
    members = {"x/a.txt": TEXT, "y/b.txt": TEXT.upper(), ".git/config": b"\0", "x/.DS_Store": b"\0"}
    for name, data in members.items():
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    folder = load(str(tmp_path / "own"), tmp_path / "root").facts
    assert folder == ingest(upload("own.zip", zipped(members)), tmp_path / "root")
    assert folder.domains == ("x", "y")


@pytest.mark.parametrize(
    ("sizes", "rule", "domains"),
    [
        ([100, 100], "auto", ("f0", "f1")),
        ([100, 1], "auto", ("2 files",)),
        ([100] * 17, "auto", ("17 files",)),
        ([100] * 17, "file", tuple(sorted(f"f{i}" for i in range(17)))),
        ([100, 100], "folder", ("2 files",)),
    ],
)
def test_domains_of_files(sizes: list[int], rule: str, domains: tuple[str, ...], tmp_path: Path) -> None:
    given = tuple(upload(f"f{i}.txt", WORDS * size) for i, size in enumerate(sizes))
    assert ingest(given, tmp_path, Options(domains=rule)).domains == domains


def test_text_is_kept_byte_for_byte_without_its_mark(tmp_path: Path) -> None:
    text = ("grüße\r\n" * 500).encode()
    data = load(ingest(upload("a.txt", b"\xef\xbb\xbf" + text), tmp_path).name, tmp_path)
    assert isinstance(data, TextData)
    assert data.stream.tobytes() == text


def test_latin_1_becomes_utf_8_when_asked(tmp_path: Path) -> None:
    text = "grüße\n" * 500
    given = upload("a.txt", text.encode("latin-1"))
    assert "latin-1" in str(inspect(given).problems[0])
    data = load(ingest(given, tmp_path, Options(encoding="latin-1")).name, tmp_path)
    assert isinstance(data, TextData)
    assert data.stream.tobytes() == text.encode()


def test_a_preview_shows_columns_to_choose_from() -> None:
    preview = inspect(GIVEN["table"])
    info = {column.name: column for column in preview.columns}
    assert list(info) == ["size", "color", "price", "kind"]
    assert preview.targets == ("kind",)
    assert (info["color"].looks_like, info["color"].missing, info["color"].distinct) == ("classes", 1, 3)
    assert (info["size"].looks_like, info["size"].missing) == ("value", 1)
    assert any("'kind'" in note for note in preview.notes)


def test_several_targets_are_several_heads_with_missing_labels_masked(tmp_path: Path) -> None:
    options = Options(targets=("color", "price"), ignore=("kind",))
    data = load(ingest(GIVEN["table"], tmp_path, options).name, tmp_path)
    assert isinstance(data, ExampleData)
    assert [(head.name, head.kind) for head in data.facts.heads] == [("color", "classes"), ("price", "value")]
    assert data.facts.domains == ("blue", "green", "red", "no label")
    assert (data.examples.targets["color"] == -1).sum() == 1
    assert data.columns == ("size", "size is missing")
    mean, deviation = data.scales["price"]
    known = data.examples.targets["price"][~data.examples.held_out]
    assert abs(known.mean()) < 1e-5
    assert 80 < mean < 120
    assert 5 < deviation < 40


def test_rows_without_a_label_are_left_out_and_counted(tmp_path: Path) -> None:
    data = load(ingest(GIVEN["table"], tmp_path, Options(targets=("color",))).name, tmp_path)
    assert isinstance(data, ExampleData)
    assert len(data.examples.inputs) == 39
    assert "1 rows without a label are left out." in data.notes


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(separator: str) -> None:
    facts = inspect(upload("a.csv", table_csv().replace(b",", separator.encode()))).facts
    expected = inspect(upload("a.csv", table_csv())).facts
    assert facts is not None
    assert expected is not None
    assert facts.fingerprint == expected.fingerprint


def test_between_semicolons_a_comma_may_be_the_decimal_sign() -> None:
    lines = [f"{i},5;1.{i};a,{i};{i % 2}" for i in range(40)]
    preview = inspect(upload("a.csv", "\n".join(["x;y;z;class", *lines]).encode()))
    assert {c.name: c.looks_like for c in preview.columns} == {
        "x": "value",
        "y": "value",
        "z": "classes",
        "class": "classes",
    }
    assert preview.columns[0].examples[:2] == ("0.5", "1.5")


def test_marks_of_missing_cells_are_the_same_in_parquet() -> None:
    cells = [" red ", "NA", "", "?", "blue", None, "null"] * 6
    labels = [i % 2 for i in range(42)]
    out = io.BytesIO()
    pq.write_table(pa.table({"color": cells, "class": labels}), out)
    lines = [f"{cell or ''},{label}" for cell, label in zip(cells, labels, strict=True)]
    csv = inspect(upload("a.csv", "\n".join(["color,class", *lines]).encode()))
    parquet = inspect(upload("a.parquet", out.getvalue()))
    assert csv.facts is not None
    assert parquet.columns == csv.columns
    assert parquet.columns[0].missing == 30
    assert parquet.facts is not None
    assert parquet.facts.fingerprint == csv.facts.fingerprint


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("AC/DC.txt", "AC_DC.txt"),
        ("../../etc/passwd.txt", "etc_passwd.txt"),
        ("C:\\fakepath\\notes.txt", "notes.txt"),
        ("/", "upload"),
    ],
)
def test_an_upload_keeps_its_whole_name_without_separators(sent: str, name: str) -> None:
    opened = open_files(upload(sent, WORDS * 100))
    assert [file.name for file in opened.files] == [name]
    assert any(f"is read as {name!r}." in note for note in inspect(upload(sent, WORDS * 100)).notes)


def test_parquet_equals_csv(tmp_path: Path) -> None:
    csv = inspect(GIVEN["table"])
    assert csv.facts is not None
    columns = [line.split(",") for line in table_csv().decode().split()]
    cells = dict(zip(columns[0], zip(*columns[1:], strict=True), strict=True))
    table = pa.table(
        {
            "size": [float(x) if x else None for x in cells["size"]],
            "color": pa.array([None if x == "NA" else x for x in cells["color"]]).dictionary_encode(),
            "price": [float(x) for x in cells["price"]],
            "kind": list(cells["kind"]),
            "when": pa.array([None] * 40, pa.timestamp("s")),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=7)
    preview = inspect(upload("pets.parquet", out.getvalue()))
    assert preview.facts is not None
    assert preview.facts.fingerprint == csv.facts.fingerprint
    assert any("'when'" in note for note in preview.notes)


def test_parquet_booleans_and_whole_numbers() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(20)), "flag": [True, False] * 10}), out)
    facts = inspect(upload("a.parquet", out.getvalue())).facts
    assert facts is not None
    assert facts.domains == ("false", "true")
    assert facts.features == 1


def test_images_are_squares_by_folder(tmp_path: Path) -> None:
    data = load(ingest(GIVEN["images"], tmp_path, Options(side=8, color=True)).name, tmp_path)
    assert (data.facts.height, data.facts.width, data.facts.channels) == (8, 8, 3)
    assert data.facts.domains == data.classes["class"] == ("class0", "class1")
    batch = data.batch(0, seed=0, size=12, context=1)
    assert batch.inputs.shape == (12, 8, 8, 3)
    shade = np.round(batch.inputs[:, 0, 0, 0] * 255)
    assert np.array_equal(shade >= 40, batch.targets["class"] == 1)


def test_files_that_are_no_images_are_left_out_and_named() -> None:
    members = {f"{c}/{i}.png": png(i) for c in "ab" for i in range(6)} | {
        "a/labels.txt": b"x",
        "README": b"y",
    }
    preview = inspect(upload("a.zip", zipped(members)))
    assert preview.problems == ()
    assert any("labels.txt" in note and "README" in note for note in preview.notes)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("color", [False, True])
def test_every_kind_of_picture_becomes_bytes(mode: str, color: bool) -> None:
    out = io.BytesIO()
    white: object = {"1": 1, "I;16": 65535, "LA": (255, 255), "RGB": (255,) * 3, "RGBA": (255,) * 4}.get(
        mode, 255
    )
    image = Image.new("L", (20, 30), 255).convert("P") if mode == "P" else Image.new(mode, (20, 30), white)
    image.save(out, "PNG")
    pixels = decode("a.png", out.getvalue(), 8, color)
    assert pixels.shape == (8, 8, 3 if color else 1)
    assert pixels.dtype == np.uint8
    assert (pixels == 255).all()


def test_transparent_is_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(out, "PNG")
    assert (decode("a.png", out.getvalue(), 4, True) == 255).all()
