"""Patches: the pixels under the kernel at each place of an image, laid out for one matrix product.

The first block's images are planar, as examples come: (channels, height, width). Further blocks keep the channels of a
pixel side by side: (height, width, channels). Both are padded with zeros by the kernel's reach, so that a patch is made
of whole runs: of a row of the image in planar patches, of k pixels with all their channels in the others.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ikura.population.kernel._compile import compiled

__all__ = ["Window", "add_patches", "pad_image", "patches", "planar_patches"]


class Window(NamedTuple):
    """The part of a mini-batch whose patches are made together: rows begin … end - 1 of some images.

    Attributes:
        k: side of the kernel.
        width: of an image.
        image, images: the first image and their number.
        begin, end: rows of each image.
    """

    k: Any
    width: Any
    image: Any
    images: Any
    begin: Any
    end: Any


@compiled
def pad_image(x: Any, reach: int, padded: Any) -> None:
    """Copy an image (channels, height, width) into the middle of a padded one that is zero around it."""
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                padded[c, i + reach, j + reach] = x[c, i, j]


@compiled
def planar_patches(padded: Any, window: Any, first: int, out: Any) -> None:
    """Write the patches of one image's part of the window to the columns of `out` from `first` on.

    Args:
        padded: image, shape (channels, height + k - 1, width + k - 1).
        window: see `Window`.
        first: column of the first patch.
        out: shape (channels · k · k, patches).
    """
    k, width = window.k, window.width
    row = 0
    for c in range(padded.shape[0]):
        for a in range(k):
            for b in range(k):
                at = first
                for i in range(window.begin, window.end):
                    for j in range(width):
                        out[row, at + j] = padded[c, i + a, b + j]
                    at += width
                row += 1


@compiled
def patches(padded: Any, window: Any, first: int, out: Any) -> None:
    """Write the patches of one image's part of the window to the rows of `out` from `first` on.

    Args:
        padded: image, shape (height + k - 1, (width + k - 1) · channels).
        window: see `Window`.
        first: row of the first patch.
        out: shape (patches, k · k · channels).
    """
    k = window.k
    run = out.shape[1] // k
    channels = run // k
    at = first
    for i in range(window.begin, window.end):
        for j in range(window.width):
            start = j * channels
            for a in range(k):
                source, target = padded[i + a, start : start + run], out[at, a * run : (a + 1) * run]
                for b in range(run):
                    target[b] = source[b]
            at += 1


@compiled
def add_patches(columns: Any, window: Any, first: int, padded: Any) -> None:
    """Add patches back to where `patches` took them from."""
    k = window.k
    run = columns.shape[1] // k
    channels = run // k
    at = first
    for i in range(window.begin, window.end):
        for j in range(window.width):
            start = j * channels
            for a in range(k):
                source, target = columns[at, a * run : (a + 1) * run], padded[i + a, start : start + run]
                for b in range(run):
                    target[b] += source[b]
            at += 1
