"""A folder of images: one folder for each class, perhaps within folders for training, dev and test set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ikura.data.images._base import ImageSet, describe_mode
from ikura.data.images.image_file import SUFFIXES, Header, decode_all, look, strict
from ikura.data.images.pixel_memory import take_rows
from ikura.errors import DataError

__all__ = ["images_below", "is_class_folder", "read_folder"]

PART_NAMES = {
    "train": 0, "training": 0,
    "dev": 1, "val": 1, "valid": 1, "validation": 1,
    "test": 2, "testing": 2,
}  # fmt: skip
"""Names of sub-folders that are parts, with the part's number."""

SHOWN = 3
PROBE = 100_000


def images_below(folder: Path) -> Iterator[Path]:
    """Find all files in a folder and its sub-folders, in order; hidden ones do not count, a link to a parent ends."""
    yield from _below(folder, frozenset())


def _below(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read: {error.strerror}") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry, above | {real})
        else:
            yield entry


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def is_class_folder(folder: Path) -> bool:
    """Whether there are images somewhere in the folder."""
    return any(map(_is_image, islice(images_below(folder), PROBE)))


def read_folder(folder: Path, size: int | None = None, broken: str = "refuse") -> ImageSet:
    """Read the images of a folder.

    The sub-folders are the classes. If they are called train, dev (or val, valid, validation) and test, they are the
    parts, and their sub-folders the classes.

    Args:
        folder: the folder.
        size: side of the square that images are brought to; None leaves them as they are.
        broken: "refuse" or "skip" files that cannot be read.

    Returns:
        The images, ordered by part, class and name; grey if all of them are, colour otherwise.

    Raises:
        DataError: there are no classes, a file cannot be read, or the images differ in size and none is given.
    """
    notes: list[str] = []
    files, labels, parts = _listed(folder, notes)
    headers, faults = _headers(files, broken)
    kept = [place for place in range(len(files)) if place not in faults]
    if not kept:
        raise DataError(f"{folder}: none of the {len(files)} images can be read; {next(iter(faults.values()))}")
    shape = _shape(folder, [files[place] for place in kept], [headers[place] for place in kept], size, notes)
    paths = [files[place] for place in kept]
    pixels, more = decode_all(paths, shape, size)
    if more and broken == "refuse":
        raise DataError(f"{more[min(more)]}{_way_out(len(more))}")
    faults |= {kept[place]: text for place, text in more.items()}
    if more:
        whole = np.array([place for place in range(len(paths)) if place not in more], np.int64)
        pixels, kept = take_rows(pixels, whole), [kept[place] for place in whole]
    unread = [str(files[place]) for place in sorted(faults)]
    if unread:
        count = f"{len(unread)} broken {'file is' if len(unread) == 1 else 'files are'}"
        notes.append(f"{count} skipped: {_shown(unread, folder)}.")
    return ImageSet(
        pixels,
        np.array([labels[place] for place in kept], dtype=object),
        None if parts is None else np.array([parts[place] for place in kept], np.int8),
        size is not None,
        unread,
        notes,
    )


def _listed(folder: Path, notes: list[str]) -> tuple[list[Path], list[str], list[int] | None]:
    """All image files with class and part, and notes on what is left out."""
    subs = _folders(folder)
    roots = [(0, folder)]
    given = bool(subs) and all(sub.name.lower() in PART_NAMES for sub in subs)
    given = given and any(_folders(sub) for sub in subs)
    if given:
        roots = [(PART_NAMES[sub.name.lower()], sub) for sub in subs]
        twice = [name for name, times in Counter(part for part, _ in roots).items() if times > 1]
        if twice:
            names = " and ".join(sub.name for part, sub in roots if part == twice[0])
            raise DataError(f"{folder}: {names} are the same part; keep one of them")
        if all(part for part, _ in roots):
            raise DataError(f"{folder}: there is no training folder beside {', '.join(sub.name for sub in subs)}")
    files: list[Path] = []
    labels: list[str] = []
    parts: list[int] = []
    strangers: list[Path] = []
    empty: list[str] = []
    loose = 0
    for part, root in sorted(roots):
        classes = _folders(root)
        if not classes:
            hint = "put the images of each class into a folder of its own"
            if given:
                hint += f", or move {root.name} elsewhere if its images have no classes"
            raise DataError(f"{root}: no folders of classes in it; {hint}")
        loose += sum(1 for entry in root.iterdir() if entry.is_file() and _is_image(entry))
        for one in classes:
            found = [path for path in images_below(one) if _is_image(path)]
            strangers += [path for path in images_below(one) if not _is_image(path)]
            if not found:
                empty.append(str(one))
            files += found
            labels += [one.name] * len(found)
            parts += [part] * len(found)
    if not files:
        raise DataError(f"{folder}: no images in it or its sub-folders ({', '.join(SUFFIXES)})")
    if loose:
        notes.append(f"{loose} images lie beside the folders of the classes; they have no class and are left out.")
    if empty:
        notes.append(f"No image lies in {_shown(empty, folder)}.")
    if strangers:
        names = _shown(map(str, strangers), folder)
        notes.append(f"Files that are no images by their names are left out ({len(strangers)}): {names}.")
    return files, labels, parts if given else None


def _shown(paths: Iterable[str], folder: Path) -> str:
    """The first few paths, as seen from the folder."""
    names = [os.path.relpath(path, folder) for path in paths]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _headers(files: list[Path], broken: str) -> tuple[dict[int, Header], dict[int, str]]:
    headers: dict[int, Header] = {}
    faults: dict[int, str] = {}
    with strict:
        for place, path in enumerate(files):
            try:
                headers[place] = look(path)
            except DataError as error:
                if broken == "refuse":
                    raise DataError(f"{error}{_way_out(1)}") from None
                faults[place] = str(error)
    return headers, faults


def _way_out(count: int) -> str:
    others = f" (as are {count - 1} more)" if count > 1 else ""
    return f"{others}; remove the file, or leave broken files out with --broken skip"


def _shape(
    folder: Path, files: list[Path], headers: list[Header], size: int | None, notes: list[str]
) -> tuple[int, int, int]:
    """(channels, height, width) of all images, and notes on what is done to them."""
    grey = sum(header.grey for header in headers)
    channels = 1 if grey == len(headers) else 3
    if 0 < grey < len(headers):
        notes.append(f"{grey} of {len(headers)} images are grey; all are read as colour.")
    else:
        notes.append(f"All images are read as {describe_mode(channels)}.")
    transparent = sum(header.transparent for header in headers)
    if transparent:
        notes.append(f"{transparent} images have transparent parts; transparency is dropped.")
    sizes = Counter((header.width, header.height) for header in headers)
    if size is not None:
        if set(sizes) != {(size, size)}:
            notes.append(
                f"Images are scaled so that the shorter side is {size} pixels, and cut to the middle {size} x {size}."
            )
        return channels, size, size
    if len(sizes) > 1:
        first = next(iter(sizes))
        other = next(place for place, header in enumerate(headers) if (header.width, header.height) != first)
        shown = [
            f"{os.path.relpath(files[at], folder)} {headers[at].width} x {headers[at].height}" for at in (0, other)
        ]
        raise DataError(
            f"{folder}: the images have {len(sizes)} different sizes ({shown[0]}, {shown[1]}); "
            "bring them to one with --image-size, such as --image-size 64"
        )
    width, height = next(iter(sizes))
    return channels, height, width
