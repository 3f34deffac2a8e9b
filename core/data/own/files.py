"""Files of a path, an upload or a zip, opened so that none can hurt: caps, no links, no way out."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from core.data.errors import DataError, shorten

MAX_BYTES = 200_000_000
MAX_FILES = 20_000
MAX_RATIO = 200
CHUNK = 1 << 20
IGNORED = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))


@dataclass(frozen=True)
class Upload:
    """A file as a browser sends it."""

    name: str
    data: bytes


Given = Path | str | Upload | Sequence[Upload]


@dataclass(frozen=True)
class File:
    """One file: its path inside what was given, its size as declared, and how to read it."""

    name: str
    size: int
    read: Callable[[], bytes]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @property
    def folder(self) -> str:
        """First folder of its path, empty for a file that lies in none."""
        first, _, rest = self.name.partition("/")
        return first if rest else ""


@dataclass(frozen=True)
class Opened:
    """What was given: a title made of its name, files in the order of their names, what to tell the user."""

    title: str
    files: tuple[File, ...]
    notes: tuple[str, ...] = ()


def open_files(given: Given) -> Opened:
    """Files of a path, an upload, several uploads, or the zip any of them is. Hidden files are left out.

    Raises:
        DataError: nothing there, too many or too large, a link, a path that escapes, or a zip that is
            damaged, encrypted, nested or a bomb.
    """
    if isinstance(given, (str, Path)):
        opened = open_path(Path(given).expanduser())
    else:
        opened = open_uploads((given,) if isinstance(given, Upload) else tuple(given))
    if len(opened.files) == 1 and is_zip(opened.files[0]):
        opened = replace(opened, files=tuple(zip_files(opened.files[0].read())))
    # A disk may hold names that are not UTF-8; facts and messages may not.
    named = [replace(file, name=file.name.encode("utf-8", "replace").decode()) for file in opened.files]
    files = tuple(sorted(without_root(named), key=lambda file: file.name))
    check_files(files)
    return replace(opened, title=opened.title.encode("utf-8", "replace").decode(), files=files)


def check_files(files: Sequence[File]) -> None:
    """Raise DataError for no file, an empty one alone, too many, too much, or an archive among them."""
    if not files:
        raise DataError("There are no files.", "Hidden files do not count.", "choose some with content.")
    if not any(file.size for file in files):
        one = f"{shorten(files[0].name)} is empty." if len(files) == 1 else "All files are empty."
        raise DataError(one, "There is nothing to learn from 0 bytes.", "choose files with content.")
    if len(files) > MAX_FILES:
        raise too_many(len(files))
    check_size(sum(file.size for file in files))
    for file in files:
        if is_zip(file):
            raise DataError(
                f"{shorten(file.name)} is a zip inside other files.",
                "Archives inside archives are not opened.",
                "unpack it, or give it alone.",
            )


def check_size(size: int) -> None:
    """Raise DataError for more bytes than the cap."""
    if size > MAX_BYTES:
        raise DataError(
            f"The files are {size / 1e6:,.0f} MB unpacked.",
            f"The limit is {MAX_BYTES / 1e6:,.0f} MB.",
            "give fewer or smaller files.",
        )


def too_many(count: int) -> DataError:
    return DataError(
        f"There are {count:,} files.", f"The limit is {MAX_FILES:,}.", "give fewer or join some."
    )


def is_zip(file: File) -> bool:
    return file.suffix == ".zip"


def open_uploads(uploads: tuple[Upload, ...]) -> Opened:
    """Uploads by their names; a browser may send any path, and none leads anywhere."""
    files: dict[str, File] = {}
    notes = []
    for upload in uploads:
        name = plain_name(upload.name)
        if name != upload.name:
            notes.append(f"{shorten(upload.name)} is read as {shorten(name)}.")
        if name in files:
            raise DataError(
                f"Two uploads are named {shorten(name)}.",
                "Files are told apart by name.",
                "rename one of them.",
            )
        files[name] = File(name, len(upload.data), partial(bytes, upload.data))
    title = PurePosixPath(next(iter(files))).stem if len(files) == 1 else f"{len(files)} files"
    return Opened(title, tuple(files.values()), tuple(notes))


def plain_name(name: str) -> str:
    """A whole name without separators: `AC/DC.txt` is no DC.txt. Of a Windows path, its last part."""
    own = name.rsplit("\\", 1)[-1]
    return "_".join(part for part in own.split("/") if part not in ("", ".", "..")) or "upload"


def open_path(path: Path) -> Opened:
    """One file, or every file below a folder."""
    if path.is_dir():
        return Opened(path.resolve().name, tuple(folder_files(path)))
    if not path.exists():
        raise DataError(f"{shorten(str(path))} does not exist.", "", "check the path.")
    # A link that the user names is meant; `read_path` follows none.
    return Opened(path.stem, (path_file(path.resolve(), path.name),))


def folder_files(folder: Path) -> Iterable[File]:
    """Regular files below a folder. A link could point out of it, so links are refused, not followed."""
    count = 0
    for path in sorted(folder.iterdir()):
        if is_ignored(path.name):
            continue
        if path.is_symlink():
            raise DataError(
                f"{shorten(str(path))} is a link.",
                "Links are not followed, since they may lead out of the folder.",
                "replace it by the file itself.",
            )
        for file in folder_files(path) if path.is_dir() else [path_file(path, path.name)]:
            count += 1
            if count > MAX_FILES:
                raise too_many(count)
            yield file if not path.is_dir() else File(f"{path.name}/{file.name}", file.size, file.read)


def path_file(path: Path, name: str) -> File:
    """A file of the disk."""
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(
            f"{shorten(str(path))} is not a regular file.",
            "It is a device or a pipe.",
            "choose a file or a folder.",
        )
    return File(name, status.st_size, partial(read_path, path, status))


def read_path(path: Path, listed: os.stat_result) -> bytes:
    """The bytes of the file that was listed: the caps were checked on that one, on no later one."""
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            now = os.fstat(file.fileno())
            same = os.path.samestat(now, listed) and stat.S_ISREG(now.st_mode)
            data = file.read(listed.st_size + 1) if same else b""
    except OSError as error:
        raise unreadable(path, error) from error
    if not same or len(data) != listed.st_size:
        raise DataError(
            f"{shorten(str(path))} changed while it was read.",
            "It is not the file that was looked at before.",
            "wait until nothing writes to it, then try again.",
        )
    return data


def _open_no_link(path: str, flags: int) -> int:
    # Nor wait for a pipe that took the place of a file. Windows knows neither flag.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{shorten(str(path))} cannot be read.",
        f"{error.strerror or error}.",
        "give yourself the right to read it.",
    )


def is_ignored(name: str) -> bool:
    return name.startswith(".") or name in IGNORED


def without_root(files: Sequence[File]) -> Iterable[File]:
    """Files without the one folder that holds them all, as archives are usually packed."""
    folders = {file.folder for file in files}
    if len(folders) != 1 or "" in folders or all(file.name.count("/") == 1 for file in files):
        return files
    return [File(file.name.partition("/")[2], file.size, file.read) for file in files]


def zip_files(data: bytes) -> Iterable[File]:
    """Members of a zip, checked by their headers before any is unpacked.

    Raises:
        DataError: as `open_files`.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise damaged("The zip", error) from error
    names = [checked_name(member) for member in members]
    if "[Content_Types].xml" in names:
        raise DataError(
            "This is an office document.", "Only its text or table can be learned.", "save it as CSV."
        )
    if len(set(names)) < len(names):
        raise DataError(
            "Two files of the zip have the same path.", "One would hide the other.", "pack it again."
        )
    if len(members) > MAX_FILES:
        raise too_many(len(members))
    total = sum(member.file_size for member in members)
    check_size(total)
    if total > 10 * CHUNK and total > MAX_RATIO * sum(member.compress_size for member in members):
        raise DataError(
            f"The zip unpacks to {total / 1e6:,.0f} MB, more than {MAX_RATIO} times its size.",
            "Data does not shrink that much; it looks like a zip bomb.",
            "give the files themselves.",
        )
    for name, member in zip(names, members, strict=True):
        if not any(is_ignored(part) for part in name.split("/")):
            yield File(name, member.file_size, partial(unpack, archive, member))


def checked_name(member: zipfile.ZipInfo) -> str:
    """The path of a member, if it stays inside and can be opened."""
    name = member.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise DataError(
            f"The zip has a file with the path {shorten(name)}.",
            "It leads out of the folder it is unpacked into.",
            "pack it again with plain relative paths.",
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(
            f"{shorten(name)} in the zip is a link.", "Links may lead anywhere.", "pack the file itself."
        )
    if member.flag_bits & 1:
        raise DataError(
            f"{shorten(name)} in the zip is encrypted.",
            "It cannot be read.",
            "pack it again without a password.",
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{shorten(name)} in the zip uses an unusual compression.",
            "Only plain zips are opened.",
            "pack it again with the usual settings.",
        )
    return "/".join(parts)


def unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, never more than its header declared: headers lie."""
    parts: list[bytes] = []
    size = 0
    try:
        with archive.open(member) as file:
            while part := file.read(CHUNK):
                parts.append(part)
                size += len(part)
                if size > member.file_size:
                    raise zipfile.BadZipFile("longer than it declares")
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        RuntimeError,
        EOFError,
        NotImplementedError,
        ValueError,
    ) as error:
        raise damaged(f"{shorten(member.filename)} in the zip", error) from error
    return b"".join(parts)


def damaged(what: str, error: Exception) -> DataError:
    return DataError(
        f"{what} is damaged or not a zip.", f"{error}.", "pack it again, or give the files themselves."
    )
