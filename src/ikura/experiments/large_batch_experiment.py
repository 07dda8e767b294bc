"""What experiments with large batches have in common: a setting, and columns trained under the same seeds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import pandas as pd
from typing_extensions import override

from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.claim import Claim
from ikura.experiments.large_batch_columns import POINTS, Plans, Setting, columns
from ikura.experiments.large_batch_tables import OPTIONS, curves, distance, diverged, gaps_of, results_table

__all__ = ["ColumnsExperiment"]


class ColumnsExperiment(Experiment):
    """Every seed is a repetition; its columns share initial weights and the order of examples.

    Args:
        setting: what is trained.
    """

    repetitions = 5
    quick_repetitions = 2
    goes_on_within = True
    options: ClassVar[Mapping[str, str]] = OPTIONS

    def __init__(self, setting: Setting | None = None) -> None:
        self._setting = setting or Setting()

    @abstractmethod
    def plans(self, setting: Setting) -> Plans:
        """Name of each column to the number of its epochs and its hyperparameters; the setting is resolved."""

    @property
    @override
    def setting(self) -> Mapping[str, Any]:
        return self._setting.resolved().as_dict()

    @override
    def configured(self, options: Mapping[str, Any]) -> Self:
        super().configured(options)
        return type(self)(Setting(**options)) if options else self

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        return dict(self.repeat_all([repetition]))[repetition.index]

    @override
    def repeat_all(self, repetitions: Sequence[Repetition]) -> Iterator[tuple[int, Tables]]:
        if repetitions:
            setting = self._setting.resolved(repetitions[0].quick)
            yield from columns(setting, self.plans(setting), repetitions, POINTS)

    @staticmethod
    def findings(
        claims: Sequence[Claim],
        tables: Mapping[str, pd.DataFrame],
        setting: Setting,
        columns: Mapping[str, str],
        heading: str,
        published: tuple[str, Sequence[float | None]] | None = None,
        note: str = "",
    ) -> Findings:
        """Put the claims, and the table and charts of all columns, together.

        Args:
            claims, tables, setting: of the experiment.
            columns: name to words, the small batch first.
            heading: of the table.
            published: accuracies to stand beside the measured ones, as for `results_table`.
            note: to stand above the curves.
        """
        results, way = tables["results"], tables["curves"]
        listed = results_table(results, gaps_of(results, list(columns)), setting, columns, published)
        far = distance(way, tables["layers"], columns)
        return Findings(
            claims,
            [
                Section("Table", heading, listed),
                Section("Curves", "On the way", curves(way, columns, note)),
                Section("Distance", "Distance from the initial weights", far),
            ],
            [setting.sentence(), *diverged(results, columns)],
        )
