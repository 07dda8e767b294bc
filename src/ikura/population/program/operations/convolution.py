"""Convolutions and pooling over tables of channels: (channels, height, width) of each image."""

from __future__ import annotations

from typing import Any

from ikura.population.kernel._compile import compiled
from ikura.population.program.operations.frame import ROWS, like, line, moved, opened, span
from ikura.population.program.operations.products import multiply

__all__ = ["convolution_backward", "convolution_forward", "pool_backward", "pool_forward"]

# Fields of a convolution: x, y, W, b (-1: none), patches, images of a row, channels, height, width, channels of the
# result, height and width of the kernel, strides, paddings, dilations (two each), groups, height and width of the
# result, error of x, gradient of W, gradient of b.


@compiled
def _gather(image: Any, patches: Any, f: Any, first: int, channels: int) -> None:
    """Lay the patches of an image side by side: a row for each number of the kernel, a column for each place."""
    height, width, kh, kw, out_h, out_w = f.op[7], f.op[8], f.op[10], f.op[11], f.op[19], f.op[20]
    at = 0
    for j in range(first, first + channels):
        for p in range(kh):
            for q in range(kw):
                shift = q * f.op[17] - f.op[15]
                for row in range(out_h):
                    i = row * f.op[12] - f.op[14] + p * f.op[16]
                    if i < 0 or i >= height:
                        for column in range(out_w):
                            patches[at + column] = 0
                    elif f.op[13] == 1:
                        begin = (j * height + i) * width + shift
                        low, high = max(0, -shift), min(out_w, width - shift)
                        for column in range(min(low, out_w)):
                            patches[at + column] = 0
                        for column in range(low, high):
                            patches[at + column] = image[begin + column]
                        for column in range(max(high, low), out_w):
                            patches[at + column] = 0
                    else:
                        begin = (j * height + i) * width
                        for column in range(out_w):
                            k = column * f.op[13] + shift
                            patches[at + column] = image[begin + k] if k >= 0 and k < width else 0
                    at += out_w


@compiled
def _scatter(patches: Any, image: Any, f: Any, first: int, channels: int) -> None:
    """Add the errors of the patches to those of the image."""
    height, width, kh, kw, out_h, out_w = f.op[7], f.op[8], f.op[10], f.op[11], f.op[19], f.op[20]
    at = 0
    for j in range(first, first + channels):
        for p in range(kh):
            for q in range(kw):
                shift = q * f.op[17] - f.op[15]
                for row in range(out_h):
                    i = row * f.op[12] - f.op[14] + p * f.op[16]
                    if i >= 0 and i < height:
                        begin = (j * height + i) * width + shift
                        if f.op[13] == 1:
                            for column in range(max(0, -shift), min(out_w, width - shift)):
                                image[begin + column] += patches[at + column]
                        else:
                            for column in range(out_w):
                                k = column * f.op[13] + shift
                                if k >= 0 and k < width:
                                    image[begin - shift + k] += patches[at + column]
                    at += out_w


def convolution_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = W * x + b."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    images, groups = f.now[ROWS] * f.op[5], f.op[18]
    inner, outer, places = f.op[6] // groups, f.op[9] // groups, f.op[19] * f.op[20]
    size, depth, one = f.op[6] * f.op[7] * f.op[8], inner * f.op[10] * f.op[11], like(a, 1)
    begin, out, patches = span(f.now, f.op[0]), span(f.now, f.op[1]), span(f.now, f.op[4])
    plain = depth == inner and f.op[12] == 1 and f.op[13] == 1 and f.op[14] == 0 and f.op[15] == 0
    cells = line(a, patches, depth * places)
    for i in range(images):
        image = line(a, begin + i * size, size)
        for k in range(groups):
            from_ = moved(a, begin + i * size + k * inner * places)
            if not plain:
                _gather(image, cells, f, k * inner, inner)
                from_ = moved(a, patches)
            to = out + (i * f.op[9] + k * outer) * places
            matrix = moved(w, f.op[2] + k * outer * depth)
            multiply(False, False, outer, places, depth, one, matrix, depth, from_, places, False, moved(a, to), places)
        if f.op[3] >= 0:
            for j in range(f.op[9]):
                row, bias = line(a, out + (i * f.op[9] + j) * places, places), line(w, f.op[3] + j, 1)[0]
                for k in range(places):
                    row[k] += bias


def convolution_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """∂W = Σ e patchesᵀ, ∂x = the patches of Wᵀ e, added where they came from."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    images, groups = f.now[ROWS] * f.op[5], f.op[18]
    inner, outer, places = f.op[6] // groups, f.op[9] // groups, f.op[19] * f.op[20]
    size, depth, one = f.op[6] * f.op[7] * f.op[8], inner * f.op[10] * f.op[11], like(a, 1)
    begin, out, patches = span(f.now, f.op[0]), span(f.now, f.op[1]), span(f.now, f.op[4])
    plain = depth == inner and f.op[12] == 1 and f.op[13] == 1 and f.op[14] == 0 and f.op[15] == 0
    cells, errors = line(a, patches, depth * places), line(d, patches, depth * places)
    for i in range(images):
        image, passed = line(a, begin + i * size, size), line(d, begin + i * size, size)
        if f.op[21] == 0 and not plain:
            for k in range(size):
                passed[k] = 0
        for k in range(groups):
            e = moved(d, out + (i * f.op[9] + k * outer) * places)
            place = f.op[2] + k * outer * depth
            if f.op[22] >= 0:
                from_ = moved(a, begin + i * size + k * inner * places)
                if not plain:
                    _gather(image, cells, f, k * inner, inner)
                    from_ = moved(a, patches)
                multiply(False, True, outer, depth, places, one, e, places, from_, places, True, moved(g, place), depth)
            if f.op[21] >= 0:
                if plain:
                    to = moved(d, begin + i * size + k * inner * places)
                    add = f.op[21] == 1
                    multiply(True, False, depth, places, outer, one, moved(w, place), depth, e, places, add, to, places)
                else:
                    to = moved(d, patches)
                    multiply(
                        True, False, depth, places, outer, one, moved(w, place), depth, e, places, False, to, places
                    )
                    _scatter(errors, passed, f, k * inner, inner)
        if f.op[3] >= 0 and f.op[23] >= 0:
            for j in range(f.op[9]):
                row, total = line(d, out + (i * f.op[9] + j) * places, places), like(a, 0)
                for k in range(places):
                    total += row[k]
                line(g, f.op[3] + j, 1)[0] += total


# Fields of pooling: x, y, where (of maxima), channels of a row, height, width, height and width of the window (0: as
# many windows as the result has places, which share the image), strides, paddings, dilations, height and width of the
# result, error of x, kind (0: maximum, 1: mean, 2: mean without the padding).


@compiled
def _window(f: Any, i: int, axis: int) -> tuple[int, int, int]:
    """First place of a window along an axis, behind its last, and the distance of neighbours; padding included."""
    if f.op[6 + axis] == 0:
        length, count = f.op[4 + axis], f.op[14 + axis]
        return i * length // count, ((i + 1) * length + count - 1) // count, 1
    begin = i * f.op[8 + axis] - f.op[10 + axis]
    return begin, begin + (f.op[6 + axis] - 1) * f.op[12 + axis] + 1, f.op[12 + axis]


@compiled
def _share(f: Any, rows: tuple[int, int, int], columns: tuple[int, int, int]) -> int:
    """How many numbers a mean is of."""
    if f.op[17] == 2:
        height = min(rows[1], f.op[4]) - max(rows[0], 0)
        return height * (min(columns[1], f.op[5]) - max(columns[0], 0))
    height = min(rows[1], f.op[4] + f.op[10]) - rows[0]
    return height * (min(columns[1], f.op[5] + f.op[11]) - columns[0])


@compiled
def _largest_of_four(below: Any, y: Any, where: Any, channels: int, height: int, width: int) -> None:
    """Maxima of windows of 2 by 2 that lie side by side."""
    out_h, out_w = height // 2, width // 2
    for j in range(channels):
        begin = j * height * width
        for row in range(out_h):
            first = line(below, begin + 2 * row * width, width)
            second = line(below, begin + (2 * row + 1) * width, width)
            to = (j * out_h + row) * out_w
            best, place = line(y, to, out_w), line(where, to, out_w)
            for column in range(out_w):
                v, at = first[2 * column], 0
                u = first[2 * column + 1]
                v, at = (u, 1) if u > v or u != u else (v, at)
                u = second[2 * column]
                v, at = (u, width) if u > v or u != u else (v, at)
                u = second[2 * column + 1]
                v, at = (u, width + 1) if u > v or u != u else (v, at)
                best[column] = v
                place[column] = 2 * row * width + 2 * column + at


@compiled
def _largest_inside(f: Any, below: Any, y: Any, where: Any, channels: int) -> None:
    """Maxima of windows that lie wholly within the image."""
    height, width, out_h, out_w = f.op[4], f.op[5], f.op[14], f.op[15]
    for j in range(channels):
        begin = j * height * width
        for row in range(out_h):
            to = (j * out_h + row) * out_w
            best, place = line(y, to, out_w), line(where, to, out_w)
            for p in range(f.op[6]):
                for q in range(f.op[7]):
                    start = (row * f.op[8] + p * f.op[12]) * width + q * f.op[13]
                    values = line(below, begin + start, width)
                    if p == 0 and q == 0:
                        for column in range(out_w):
                            best[column] = values[column * f.op[9]]
                            place[column] = start + column * f.op[9]
                    else:
                        for column in range(out_w):
                            v = values[column * f.op[9]]
                            if v > best[column] or v != v:
                                best[column] = v
                                place[column] = start + column * f.op[9]


def pool_forward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """y = the maximum, or the mean, of each window."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    channels, height, width, out_h, out_w = f.now[ROWS] * f.op[3], f.op[4], f.op[5], f.op[14], f.op[15]
    below, y = line(a, span(f.now, f.op[0]), channels * height * width), line(a, span(f.now, f.op[1]), 1)
    where, zero = line(a, span(f.now, f.op[2]), 1), like(a, 0)
    inside = (
        f.op[6] > 0
        and f.op[10] == 0
        and f.op[11] == 0
        and (out_h - 1) * f.op[8] + (f.op[6] - 1) * f.op[12] < height
        and (out_w - 1) * f.op[9] + (f.op[7] - 1) * f.op[13] < width
    )
    if f.op[17] == 0 and inside:
        plain = f.op[6] == 2 and f.op[7] == 2 and f.op[8] == 2 and f.op[9] == 2 and f.op[12] == 1 and f.op[13] == 1
        first, to, places = (
            moved(a, span(f.now, f.op[0])),
            moved(a, span(f.now, f.op[1])),
            moved(a, span(f.now, f.op[2])),
        )
        if plain and out_h == height // 2 and out_w == width // 2:
            _largest_of_four(first, to, places, channels, height, width)
        else:
            _largest_inside(f, first, to, places, channels)
        return
    at = 0
    for j in range(channels):
        begin = j * height * width
        for row in range(out_h):
            rows = _window(f, row, 0)
            for column in range(out_w):
                columns = _window(f, column, 1)
                if f.op[17] == 0:
                    best, place = zero, -1
                    for p in range(rows[0], rows[1], rows[2]):
                        if p < 0 or p >= height:
                            continue
                        for q in range(columns[0], columns[1], columns[2]):
                            if q >= 0 and q < width:
                                v = below[begin + p * width + q]
                                if place < 0 or v > best or v != v:
                                    best, place = v, p * width + q
                    y[at], where[at] = best, place
                else:
                    total = zero
                    for p in range(max(rows[0], 0), min(rows[1], height)):
                        for q in range(max(columns[0], 0), min(columns[1], width)):
                            total += below[begin + p * width + q]
                    y[at] = total / like(a, _share(f, rows, columns))
                at += 1


def pool_backward(o: Any, r: Any, n: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, c: Any) -> None:
    """The error to where the maximum was, or to all of a window in equal shares."""
    f = opened(o, r, n, a, d, w, g, s, x, c)
    channels, height, width, out_h, out_w = f.now[ROWS] * f.op[3], f.op[4], f.op[5], f.op[14], f.op[15]
    passed, error = line(d, span(f.now, f.op[0]), channels * height * width), line(d, span(f.now, f.op[1]), 1)
    where = line(a, span(f.now, f.op[2]), 1)
    if f.op[16] == 0:
        for i in range(channels * height * width):
            passed[i] = 0
    at = 0
    for j in range(channels):
        begin = j * height * width
        if f.op[17] == 0:
            for _ in range(out_h * out_w):
                passed[begin + int(where[at])] += error[at]
                at += 1
            continue
        for row in range(out_h):
            rows = _window(f, row, 0)
            for column in range(out_w):
                columns = _window(f, column, 1)
                e = error[at] / like(a, _share(f, rows, columns))
                for p in range(max(rows[0], 0), min(rows[1], height)):
                    for q in range(max(columns[0], 0), min(columns[1], width)):
                        passed[begin + p * width + q] += e
                at += 1
