"""Own images: folders are classes, every image becomes a small square."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from core.data.errors import DataError, listing, shorten
from core.data.examples import (
    HELD_OUT,
    ExampleData,
    Examples,
    need_examples,
    stratified_split,
)
from core.data.own.files import MAX_BYTES, File
from core.data.table import MAX_CLASSES, MAX_DOMAINS
from core.design.facts import DataFacts
from core.design.tasks.base import Head

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"))
MAX_PIXELS = 40_000_000


def read_images(
    title: str, files: Sequence[File], *, side: int, color: bool, share: float | None, seed: int
) -> ExampleData:
    """Images by class, `side x side` px, gray or RGB. The class is the first folder of a file's path.

    Raises:
        DataError: no folders, too few classes or images, or a file that is no image.
    """
    images = [file for file in files if file.suffix in SUFFIXES]
    names = tuple(sorted({file.folder for file in images}))
    check_classes(names, [file.folder for file in images], side * side * (3 if color else 1))
    place = {name: i for i, name in enumerate(names)}
    label = np.array([place[file.folder] for file in images], np.int64)
    need_examples(names, label, "The set of images")
    pixels = np.stack([decode(file.name, file.read(), side, color) for file in images])
    few = len(names) <= MAX_DOMAINS
    examples = Examples(
        inputs=pixels,
        targets={"class": label},
        domain=label if few else np.zeros_like(label),
        held_out=stratified_split(label, share=share or HELD_OUT, seed=seed),
        scale=1 / 255,
    )
    domains = names if few else ("all images",)
    held = int(examples.held_out.sum())
    head = Head(name="class", kind="classes", size=len(names))
    facts = DataFacts(
        name="own",
        kind="image",
        title=title,
        domains=domains,
        heads=(head,),
        height=side,
        width=side,
        channels=3 if color else 1,
        n_train=len(label) - held,
        n_held_out=held,
    )
    other = [file.name for file in files if file.suffix not in SUFFIXES]
    notes = [f"Files that are no images are left out: {listing(other)}."] if other else []
    return ExampleData(facts, examples, notes=notes, classes={"class": names})


def check_classes(names: tuple[str, ...], folders: Sequence[str], numbers: int) -> None:
    """Raise DataError for images that lie in no folder, too many classes, or too many pixels in all."""
    if not names or "" in names:
        raise DataError(
            "Some images lie in no folder." if len(names) > 1 else "There are no folders with images.",
            "The folder of an image is its class.",
            "put the images of each class into a folder of its own.",
        )
    if len(names) > MAX_CLASSES:
        raise DataError(
            f"There are {len(names)} classes.",
            f"The limit is {MAX_CLASSES}.",
            "give fewer folders of images.",
        )
    if len(folders) * numbers > MAX_BYTES:
        raise DataError(
            f"The images take {len(folders) * numbers / 1e6:,.0f} MB at this size.",
            f"The limit is {MAX_BYTES / 1e6:,.0f} MB.",
            "choose a smaller side, gray instead of color, or fewer images.",
        )


def decode(name: str, data: bytes, side: int, color: bool) -> npt.NDArray[np.uint8]:
    """One image [side, side, C]: turned upright, on white where transparent, cut to its middle square.

    Raises:
        DataError: no image, a damaged one, or one of too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height <= MAX_PIXELS:
                return squared(ImageOps.exif_transpose(image), side, color)
    # Decoders of damaged images raise almost anything, and none of it is the user's to debug.
    except Exception as error:
        raise DataError(
            f"{shorten(name)} is not an image that can be read.",
            f"It should be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, whole and of a sane size.",
            "remove it, or save it again as PNG.",
        ) from error
    raise DataError(
        f"{shorten(name)} has {width:,} x {height:,} pixels.",
        f"The limit is {MAX_PIXELS:,} pixels, since unpacking more would fill the memory.",
        "make it smaller.",
    )


def squared(image: Image.Image, side: int, color: bool) -> npt.NDArray[np.uint8]:
    """The middle square of an image, resized, as bytes [side, side, C]."""
    if image.mode.startswith("I"):
        deep = np.asarray(image, np.float64) / 257
        image = Image.fromarray(np.clip(deep, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    mode = "RGB" if color else "L"
    small = ImageOps.fit(image.convert(mode), (side, side), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.uint8)
    return pixels.reshape(side, side, 3 if color else 1)
