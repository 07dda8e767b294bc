"""The encoding of a table in PyTorch: the same numbers as `ikura.data.encoder.TableEncoder` makes."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor, nn

from ikura.data.encoder import TableEncoder
from ikura.data.encoder.category import CategoryEncoding
from ikura.data.encoder.number import LARGEST, NumberEncoding, Standard

__all__ = ["TableEncoding"]

NONE = -2
"""A code that no category has."""


def datetime_parts(seconds: Tensor) -> dict[str, Tensor]:
    """Take seconds since 1970 apart, in the Gregorian calendar; whole numbers in double precision.

    Args:
        seconds: float64 of any shape, finite.

    Returns:
        year, month, day, weekday (Monday is 0), hour, minute and second, each of that shape.

    Example:
        >>> parts = datetime_parts(torch.tensor([1709210096.5], dtype=torch.float64))
        >>> {name: int(part) for name, part in parts.items()}
        {'year': 2024, 'month': 2, 'day': 29, 'weekday': 3, 'hour': 12, 'minute': 34, 'second': 56}

    References:
        Hinnant, chrono-compatible low-level date algorithms: days_from_civil and civil_from_days.
    """

    def over(value: Tensor, by: float) -> Tensor:
        return torch.floor(value / by)

    whole = torch.floor(seconds)
    days = over(whole, 86400.0)
    of_day = whole - 86400.0 * days
    hour = over(of_day, 3600.0)
    minute = over(of_day - 3600.0 * hour, 60.0)
    shifted = days + 719468.0
    era = over(shifted, 146097.0)
    of_era = shifted - 146097.0 * era
    year_of_era = over(of_era - over(of_era, 1460.0) + over(of_era, 36524.0) - over(of_era, 146096.0), 365.0)
    of_year = of_era - (365.0 * year_of_era + over(year_of_era, 4.0) - over(year_of_era, 100.0))
    shifted_month = over(5.0 * of_year + 2.0, 153.0)
    month = torch.where(shifted_month < 10.0, shifted_month + 3.0, shifted_month - 9.0)
    return {
        "year": year_of_era + 400.0 * era + (month <= 2.0).double(),
        "month": month,
        "day": of_year - over(153.0 * shifted_month + 2.0, 5.0) + 1.0,
        "weekday": days + 3.0 - 7.0 * over(days + 3.0, 7.0),
        "hour": hour,
        "minute": minute,
        "second": of_day - 3600.0 * hour - 60.0 * minute,
    }


class TableEncoding(nn.Module):
    """Takes numbers and codes of categories to x and the codes of embeddings.

    Args:
        encoder: the encoder that it does as.
    """

    def __init__(self, encoder: TableEncoder) -> None:
        super().__init__()
        standards: list[Standard] = []
        values: list[int] = []
        parts: list[tuple[int, str, Standard]] = []
        marks: list[int] = []
        levels: list[tuple[int, int]] = []
        order: list[tuple[str, int]] = []
        embedded: list[int] = []
        numbers, categories = 0, 0
        for encoding in encoder.encodings:
            if isinstance(encoding, CategoryEncoding):
                if encoding.embedded:
                    embedded.append(categories)
                else:
                    found = [*range(1, len(encoding.levels) + 1), *([-1] if encoding.marks_missing else [])]
                    for level in found if len(found) > 1 else [NONE] * len(found):
                        order.append(("level", len(levels)))
                        levels.append((categories, level))
                categories += 1
                continue
            if isinstance(encoding, NumberEncoding):
                order.append(("number", len(values)))
                values.append(numbers)
                # A constant teaches nothing: (v - μ) / ∞ is 0.
                constant = Standard(encoding.standard.mean, inf)
                standards.append(constant if encoding.constant else encoding.standard)
            else:
                for part, standard in encoding.parts.items():
                    order.append(("part", len(parts)))
                    parts.append((numbers, part, standard))
            if encoding.marks_missing:
                order.append(("mark", len(marks)))
                marks.append(numbers)
            numbers += 1
        self.numbers, self.categories = numbers, categories
        self.values, self.marks, self.levels, self.embedded = values, marks, levels, embedded
        self.parts = [(column, part) for column, part, _ in parts]
        groups = (("number", len(values)), ("part", len(parts)), ("mark", len(marks)), ("level", len(levels)))
        starts, start = {}, 0
        for name, length in groups:
            starts[name], start = start, start + length
        self.order = [starts[group] + place for group, place in order]
        everything = [*standards, *(standard for _, _, standard in parts)]
        self.register_buffer("mean", torch.tensor([one.mean for one in everything], dtype=torch.float64))
        self.register_buffer("std", torch.tensor([one.std for one in everything], dtype=torch.float64))

    mean: Tensor
    std: Tensor

    def forward(self, *raw: Tensor) -> tuple[Tensor, Tensor]:
        """Encode rows.

        Args:
            raw: numbers, float64 of shape (rows, columns of numbers), and codes, int64 of shape (rows, columns of
                categories); what has no columns is left out.
        """
        given = list(raw)
        numbers = given.pop(0) if self.numbers else None
        codes = given.pop(0) if self.categories else None
        rows = raw[0].shape[0]
        pieces: list[Tensor] = []
        if numbers is not None:
            pieces += self._numbers(numbers)
        if codes is not None and self.levels:
            columns, levels = zip(*self.levels, strict=True)
            pieces.append((codes[:, list(columns)] == torch.tensor(levels, device=codes.device)).float())
        x = torch.cat(pieces, 1) if pieces else raw[0].new_zeros((rows, 0), dtype=torch.float32)
        x = x if self.order == sorted(self.order) else x[:, self.order]
        if codes is None or not self.embedded:
            return x, torch.zeros((rows, 0), dtype=torch.int32, device=x.device)
        return x, codes[:, self.embedded].clamp(min=0).int()

    def _numbers(self, numbers: Tensor) -> list[Tensor]:
        missing = numbers.isnan()
        columns = [numbers[:, self.values]] if self.values else []
        places = [*self.values, *(column for column, _ in self.parts)]
        if self.parts:
            own = sorted({column for column, _ in self.parts})
            found = datetime_parts(torch.where(missing, 0.0, numbers)[:, own])
            columns += [found[part][:, own.index(column), None] for column, part in self.parts]
        pieces: list[Tensor] = []
        if columns:
            scaled = ((torch.cat(columns, 1) - self.mean) / self.std).clamp(-LARGEST, LARGEST)
            pieces.append(torch.where(missing[:, places], 0.0, scaled).float())
        if self.marks:
            pieces.append(missing[:, self.marks].float())
        return pieces
