"""Which data: a built-in source, or the user's own, looked at before it is stored."""

from pathlib import Path

import pandas as pd
import streamlit as st

from app import state
from app.paths import data_root
from components import page
from components.charts import palette
from components.charts.dots import shares
from core.cost.format import THIN, count, percent, size
from core.data.errors import DataError
from core.data.ingest import Options, Preview, ingest, inspect
from core.data.load import load, sources
from core.data.own.files import Upload
from core.data.registry import Source
from core.data.suited import suited_data, suits
from core.design.facts import DataFacts, DataKind
from core.design.plan import Plan
from core.design.spec import Design

WIDGET = "train.data"
_UPLOAD = "upload"
_KINDS: dict[str, DataKind] = {"Text": "text", "Table": "table", "Images": "image"}
_SAY = {
    "Text": "One file or many. Each file or folder becomes a domain.",
    "Table": "One CSV or Parquet file. A column becomes the target.",
    "Images": "A zip with a folder of images for each class.",
}
_ENDINGS = {"Text": None, "Table": ["csv", "tsv", "parquet"], "Images": ["zip"]}


@st.cache_data(max_entries=32, show_spinner=False)
def facts_of(name: str, root: str) -> DataFacts:
    """What a data set offers. Raises DataError."""
    return load(name, Path(root), paths=False).facts


@st.cache_data(max_entries=32, show_spinner=False)
def sizes_of(name: str, root: str) -> dict[str, int]:
    """Bytes or examples by domain. Raises DataError."""
    return load(name, Path(root), paths=False).sizes()


def default(design: Design, plan: Plan) -> str:
    """The data to begin with: what the command line takes where none is named."""
    found = suited_data(design, plan)
    return found.facts.name if found else plan.data


def follow(design: Design, plan: Plan) -> None:
    """Before the card is drawn for another design: other data, where it cannot train on what is chosen."""
    name = state.held(WIDGET)
    try:
        kept = name is None or suits(design, plan, facts_of(name, str(data_root())))
    except DataError:
        kept = False
    if not kept:
        state.fill(WIDGET, default(design, plan))


def choose(design: Design, plan: Plan) -> DataFacts | None:
    """The card with the choice of data and what it offers; None where the chosen data cannot be read."""
    # To tell what suits a design opens data, which is asked for only where nothing is chosen yet.
    first = state.held(WIDGET) or default(design, plan)
    listed = {source.name: source for source in sources(data_root())}
    names = list(listed)
    with page.card():
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            name = st.selectbox(
                "Data",
                names,
                index=names.index(first) if first in names else 0,
                format_func=lambda name: listed[name].title if name in listed else name,
                key=WIDGET,
            )
            if st.button("Add your own", icon=":material/upload:", key="train.own", on_click=_forget):
                add_own()
        return _described(listed[name])


def _described(source: Source) -> DataFacts | None:
    try:
        with st.spinner("Reading the data", show_time=False):
            facts = facts_of(source.name, str(data_root()))
            sizes = sizes_of(source.name, str(data_root()))
    except DataError as error:
        page.problems([("error", f"{error.what} {error.why}".strip(), error.fix)])
        return None
    unit = "bytes" if facts.kind == "text" else "examples"
    st.caption(page.plain(f"{source.summary}. {_amount(facts)}"))
    if len(sizes) > 1:
        _domains(sizes, unit, mixed=facts.kind == "text")
    return facts


def _domains(sizes: dict[str, int], unit: str, *, mixed: bool) -> None:
    """How much there is of each domain."""
    total = sum(sizes.values())
    rows = [(domain, each / total, 1 / len(sizes)) for domain, each in sizes.items()]
    said = ", ".join(f"{domain} {percent(share)}" for domain, share, _ in rows)
    height = min(240, 30 + 24 * len(sizes))
    page.chart(
        shares(rows, palette.current()), f"Share of {unit}: {said}", height=height, key="train.domains"
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        mixing = " Batches mix domains equally." if mixed else ""
        st.caption(f"Share of all {unit}; the tick is an equal share.{mixing}", width="stretch")
        table = pd.DataFrame({"domain": list(sizes), unit: list(sizes.values())})
        page.table(f"{unit.capitalize()} by domain", table, "train.domains")


def _amount(facts: DataFacts) -> str:
    if facts.kind == "text":
        return f"{size(facts.n_train)} to train on, {size(facts.n_held_out)} held out"
    heads = ", ".join(head.name for head in facts.heads)
    return (
        f"{count(facts.n_train)} examples to train on, {count(facts.n_held_out)} held out; asks for {heads}"
    )


def _forget() -> None:
    """Begin with an empty uploader: one that is drawn again would remember files it no longer shows."""
    state.renew_request(_UPLOAD)


@st.dialog("Add your own data", width="medium")
def add_own() -> None:
    """Upload, look, store. Nothing is stored before the last button."""
    kind = st.segmented_control(
        "Kind of data",
        list(_KINDS),
        default="Text",
        required=True,
        key="own.kind",
        label_visibility="collapsed",
        on_change=_forget,
    )
    st.caption(_SAY[kind])
    whole = kind == "Text" and st.toggle("Upload a whole folder", key="own.folder", on_change=_forget)
    uploads = st.file_uploader(
        "Files",
        type=_ENDINGS[kind],
        accept_multiple_files="directory" if whole else kind == "Text",
        label_visibility="collapsed",
        key=f"own.files.{state.request_id(_UPLOAD)}",
    )
    several = uploads if isinstance(uploads, list) else [uploads] if uploads else []
    given = [Upload(upload.name, upload.getvalue()) for upload in several]
    if not given:
        st.caption(f"At most 20{THIN}MB a file. Your data stays on this machine.")
        return
    preview = inspect(given, options := _options(kind, given))
    _preview(preview)
    if st.button(
        page.primary("Add this data", not preview.problems),
        type="primary",
        disabled=bool(preview.problems),
        key="own.add",
    ):
        _store(given, options)


def _options(kind: str, given: list[Upload]) -> Options:
    """What the dialog asks for this kind of data."""
    if kind == "Table":
        columns = inspect(given, Options(kind="table"))
        if not columns.columns:
            return Options(kind="table")
        names = [column.name for column in columns.columns]
        first = columns.targets[0] if columns.targets and columns.targets[0] in names else names[-1]
        target = st.selectbox("Target column", names, index=names.index(first), key="own.target")
        ignored = st.pills(
            "Leave out", [name for name in names if name != target], selection_mode="multi", key="own.ignore"
        )
        return Options(kind="table", targets=(target,), ignore=tuple(ignored))
    if kind == "Images":
        side = st.number_input("Side, px", 4, 256, 32, help="Images are scaled to squares", key="own.side")
        return Options(kind="image", side=int(side), color=st.toggle("In colour", key="own.color"))
    return Options(kind="text")


def _preview(preview: Preview) -> None:
    if preview.problems:
        page.problems([("error", f"{e.what} {e.why}".strip(), e.fix) for e in preview.problems])
        return
    assert preview.facts is not None
    st.markdown(f"**{page.plain(preview.title)}** :gray[:small[{page.plain(_amount(preview.facts))}]]")
    unit = "Bytes" if preview.kind == "text" else "Examples"
    st.dataframe(
        {"Domain": list(preview.sizes), unit: list(preview.sizes.values())},
        height="content" if len(preview.sizes) <= 6 else 200,
        row_height=28,
        alt=f"{unit} by domain",
    )
    for note in preview.notes:
        st.caption(page.plain(note))


def _store(given: list[Upload], options: Options) -> None:
    try:
        facts = ingest(given, data_root(), options)
    except DataError as error:
        page.problems([("error", f"{error.what} {error.why}".strip(), error.fix)])
        return
    state.fill(WIDGET, facts.name)
    st.rerun()
