"""One image file: what its header says, and its pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ikura.data.images.pixel_memory import allocate
from ikura.errors import DataError
from ikura.files import check_regular
from ikura.process_state import cores, warning_filters

__all__ = ["SUFFIXES", "Header", "decode", "decode_all", "fitted", "look", "strict"]

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
GREY = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N")
TURNED = (5, 6, 7, 8)
ORIENTATION = 0x0112
BATCH = 2048


@dataclass(frozen=True)
class Header:
    """What is known of an image before it is decoded.

    Args:
        width, height: in pixels, upright.
        grey: whether it has no colours.
        transparent: whether it has transparent parts.
    """

    width: int
    height: int
    grey: bool
    transparent: bool


strict = warning_filters(("ignore", UserWarning), ("error", Image.DecompressionBombWarning))
"""Makes an error of Pillow's warning of decompression bombs, and silences its other ones; entered by `with strict:`."""


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file; whatever is wrong with it becomes one line that names it."""
    check_regular(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise DataError(f"{path}: the image has {most}, which is refused as a decompression bomb") from None
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise DataError(f"{path}: not a readable image: none of {known}, or its header is broken") from None
    except PermissionError:
        raise DataError(f"{path}: the file may not be read; check its permissions") from None
    except MemoryError:
        raise DataError(f"{path}: the image is too large for this machine's memory") from None
    except DataError:
        raise
    except Exception as error:  # a damaged file makes decoders fail in many ways
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a readable image: {reason}") from None


def look(path: Path) -> Header:
    """Read an image's header.

    Raises:
        DataError: it is no image that can be read.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) in TURNED:
            width, height = height, width
        transparent = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
        return Header(width, height, image.mode in GREY, transparent)


def _orientation(image: Image.Image) -> int | None:
    """How the camera was held; of a PNG only if its header says so, for else all of it would be decoded."""
    if image.format == "PNG" and "exif" not in image.info:
        return None
    return image.getexif().get(ORIENTATION)


def decode(path: Path, grey: bool, size: int | None = None) -> npt.NDArray[np.uint8]:
    """Read an image's pixels.

    It is turned upright as its camera noted, transparency is dropped, and 16 bits a channel become 8.

    Args:
        path: the file.
        grey: whether it is read in one channel or in three.
        size: side of the square it is brought to, see `fitted`; None leaves it as it is.

    Returns:
        uint8, shape (1 or 3, height, width).

    Raises:
        DataError: it cannot be read; the message names the file.
    """
    mode = "L" if grey else "RGB"
    with _opened(path) as image:
        if size is not None:
            image.draft(mode, (2 * size, 2 * size))
        upright: Image.Image = ImageOps.exif_transpose(image) if _orientation(image) else image
        return _channels(fitted(_plain(upright, mode), size))


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Bring an image to 8 bits in one mode."""
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip(wide >> 8, 0, 255).astype(np.uint8))
    elif image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def fitted(image: Image.Image, size: int | None) -> Image.Image:
    """Scale an image so that its shorter side is `size` pixels, and cut out the middle `size` by `size` of it."""
    if size is None or image.size == (size, size):
        return image
    return ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)


def _channels(image: Image.Image) -> npt.NDArray[np.uint8]:
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def decode_all(
    paths: Sequence[Path], shape: tuple[int, int, int], size: int | None
) -> tuple[npt.NDArray[np.uint8], dict[int, str]]:
    """Read many images, in several threads.

    Args:
        paths: the files.
        shape: (channels, height, width) of each.
        size: see `decode`.

    Returns:
        The pixels, shape (n, channels, height, width), and what is wrong with those that could not be read, by place.
    """
    pixels = allocate((len(paths), *shape))
    faults: dict[int, str] = {}

    def read(place: int) -> None:
        try:
            found = decode(paths[place], shape[0] == 1, size)
            if found.shape != shape:
                raise DataError(
                    f"{paths[place]}: the image is {found.shape[2]} x {found.shape[1]} pixels, "
                    f"but {shape[2]} x {shape[1]} are expected"
                )
            pixels[place] = found
        except DataError as error:
            faults[place] = str(error)

    with strict, ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(paths), BATCH):
            done: Any = pool.map(read, range(start, min(start + BATCH, len(paths))))
            for _ in done:
                pass
    return pixels, faults
