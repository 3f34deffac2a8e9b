"""Own text files: checked to be text, sorted into domains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from core.data.errors import DataError, listing, shorten
from core.data.own.files import File
from core.data.text import HELD_OUT, TextData, build_text

Encoding = Literal["utf-8", "latin-1"]
DomainRule = Literal["auto", "file", "folder"]

MIN_DOMAIN = 2048
MAX_DOMAINS = 64
FEW_FILES = 16
BOM = b"\xef\xbb\xbf"
#: Bytes below 32 that text may hold: backspace, tab, line feed, vertical tab, form feed, return, escape.
PLAIN = frozenset((8, 9, 10, 11, 12, 13, 27))
CONTROL = bytes(b for b in range(32) if b not in PLAIN)


def read_text(
    title: str, files: Sequence[File], encoding: Encoding, rule: DomainRule, share: float | None
) -> TextData:
    """A text data set of these files.

    Raises:
        DataError: a file is not text in this encoding, or a domain has less than `MIN_DOMAIN` bytes.
    """
    texts = [(file, clean(file.name, file.read(), encoding)) for file in files]
    domains: dict[str, list[tuple[str, bytes]]] = {}
    names = domain_names(title, [(file, len(data)) for file, data in texts], rule)
    for (file, data), name in zip(texts, names, strict=True):
        domains.setdefault(name, []).append((file.name, data))
    small = [name for name, texts in domains.items() if sum(len(data) for _, data in texts) < MIN_DOMAIN]
    if small:
        raise DataError(
            f"These domains have less than {MIN_DOMAIN:,} bytes of text: {listing(small)}.",
            "That is too little to train on and to evaluate on.",
            "add text, or make one domain of several files by putting them into one folder.",
        )
    if len(domains) > MAX_DOMAINS:
        raise DataError(
            f"There are {len(domains)} domains.",
            f"The studio compares up to {MAX_DOMAINS}.",
            "sort the files into fewer folders, each a domain.",
        )
    made = build_text("own", title, dict(sorted(domains.items())), share=share or HELD_OUT)
    empty = sum(not data for _, data in texts)
    made.notes += (f"{empty} empty files are left out.",) if empty else ()
    return made


def domain_names(title: str, files: Sequence[tuple[File, int]], rule: DomainRule) -> list[str]:
    """Domain of each file. `auto`: by top folder where there are several, by file where they are few and long
    enough, else one domain."""
    folders = [file.folder for file, _ in files]
    if rule == "folder" or (rule == "auto" and len(set(folders)) > 1):
        return [folder or title for folder in folders]
    long = len(files) <= FEW_FILES and all(size >= MIN_DOMAIN for _, size in files)
    if rule == "file" or long:
        stems = [file.name.rsplit("/", 1)[-1].rsplit(".", 1)[0] or file.name for file, _ in files]
        return stems if len(set(stems)) == len(stems) else [file.name for file, _ in files]
    return [title] * len(files)


def clean(name: str, data: bytes, encoding: Encoding) -> bytes:
    """The text as UTF-8 without a byte-order mark.

    Raises:
        DataError: it is not text, or not in this encoding.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{shorten(name)} is UTF-16.",
            "Its first two bytes say so; the studio reads UTF-8.",
            "save it as UTF-8.",
        )
    strange = len(data) - len(data.translate(None, CONTROL))
    if b"\0" in data or strange > len(data) / 20:
        raise DataError(
            f"{shorten(name)} is not text.",
            f"It holds {strange:,} control bytes, as programs, pictures and archives do.",
            "choose text files, or a table or images by their usual endings.",
        )
    if encoding == "latin-1":
        return data.decode("latin-1").encode()
    data = data.removeprefix(BOM)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{shorten(name)} is not UTF-8.",
            f"Byte {error.start:,} (line {line:,}) is 0x{data[error.start]:02x}: {error.reason}.",
            "save it as UTF-8, or choose the encoding latin-1.",
        ) from error
    return data
