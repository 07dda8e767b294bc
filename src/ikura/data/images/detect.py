"""Opening image data of any kind, found by what lies there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ikura.built_in import IMAGE_SETS
from ikura.data.images._base import ImageSet, check_choices
from ikura.data.images.archive import read_archive
from ikura.data.images.cifar import cifar_files, is_cifar_folder, read_cifar
from ikura.data.images.folder import images_below, is_class_folder, read_folder
from ikura.data.images.idx import idx_files, is_idx_folder, read_idx
from ikura.data.images.image_file import SUFFIXES
from ikura.data.images.known import read_image_set
from ikura.errors import DataError

__all__ = ["files_of", "is_image_data", "open_images"]

PACKED = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


def is_image_data(name: str) -> bool:
    """Whether a name stands for images (or arrays) rather than a table; a path that exists comes before a known name.

    Raises:
        DataError: it is a folder without images, or an archive that must be unpacked.
    """
    path = Path(name)
    if not path.exists():
        return name in IMAGE_SETS
    if path.is_dir():
        if is_idx_folder(path) or is_cifar_folder(path) or is_class_folder(path):
            return True
        raise DataError(
            f"{path}: this is a folder without images by class; name a table in it, .csv, .csv.gz, .tsv or .parquet, "
            "or a folder with a folder of images for each class"
        )
    if path.name.lower().endswith(PACKED):
        raise DataError(f"{path}: unpack the archive first, and name the folder")
    if path.suffix.lower() in SUFFIXES or "-idx3-ubyte" in path.name:
        raise DataError(f"{path}: this is one file of images; name the folder in which it lies")
    return path.suffix.lower() == ".npz"


def open_images(
    name: str, image_size: int | None = None, broken: str = "refuse", channels: str | None = None
) -> ImageSet:
    """Open image data.

    Args:
        name: a folder (images by class, MNIST's or CIFAR's files), a .npz file, or one of `IMAGE_SETS`.
        image_size: side of the square that the images of a folder by class are brought to.
        broken: "refuse" or "skip" image files that cannot be read.
        channels: "first" or "last", where arrays of a .npz file have their channels and their shape leaves that open.

    Returns:
        The images.

    Raises:
        DataError: they cannot be read as they are.
    """
    check_choices(image_size, broken)
    path = Path(name)
    if channels is not None and (path.is_dir() or path.suffix.lower() != ".npz"):
        raise DataError(f"{name}: channels is for arrays; leave it out")
    by_class = path.is_dir() and not is_idx_folder(path) and not is_cifar_folder(path)
    if by_class:
        return read_folder(path, image_size, broken)
    if image_size is not None:
        raise DataError(f"{name}: its images are of one size already; an image size is for folders of image files")
    if not path.exists():
        return read_image_set(name)
    if path.is_dir():
        return read_idx(path) if is_idx_folder(path) else read_cifar(path)
    return read_archive(path, channels)


def files_of(folder: Path) -> Iterator[Path]:
    """The files that `open_images` reads from a folder, in order."""
    if is_idx_folder(folder):
        yield from idx_files(folder).values()
    elif is_cifar_folder(folder):
        train, test, _ = cifar_files(folder)
        yield from [*train, *([test] if test else []), *sorted(folder.glob("*.txt"))]
    else:
        yield from (path for path in images_below(folder) if path.suffix.lower() in SUFFIXES)
