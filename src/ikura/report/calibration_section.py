"""Other learners beside the model, and how far its probabilities can be taken at their word."""

from __future__ import annotations

from ikura.page.formatting import as_words, interval, score
from ikura.page.html_tables import table
from ikura.page.lines import MARKS, Line, chart
from ikura.page.markup import Html, element, join
from ikura.report.view import View

__all__ = ["intervals", "others", "probabilities"]


def others(view: View) -> Html | None:
    """What untuned learners and the best constant answer reach on the same test rows; None where nobody measured."""
    found = view.record.baselines
    if not found:
        return None
    rows = [
        [one.name, score(one.value, 4), interval(one.interval), score(one.gain, 4), interval(one.gain_interval)]
        for one in found
    ]
    better = [one.name for one in found if one.better and not one.constant]
    equal = [one.name for one in found if one.constant and not one.worse]
    if better:
        verdict = f"{' and '.join(better)} as it comes is better than the model beyond chance: ask what it sees."
    elif equal:
        verdict = f"The model is not better beyond chance than one that looks at no row: {equal[0]}."
    else:
        verdict = "None of them is better than the model beyond chance."
    headings = ("learner", view.metric, "95 % interval", "the model is better by", "95 % interval ")
    return join(
        element("h3", "Beside what nobody tuned"),
        table(headings, rows, words=("learner",)),
        element("p", f"{verdict} They were fitted on the training and dev rows.", class_="after"),
    )


def intervals(view: View) -> Html | None:
    """How often prediction intervals held on the test set, and which predictions were bounded; None for neither."""
    found, bounds = view.record.intervals, view.record.bounds
    bounded = element("p", f"{bounds.sentence}.") if bounds is not None and bounds.sentence else None
    if found is None:
        return bounded
    told = f"{found.sentence}. They are made of the errors of {found.held_out:,} dev rows; ikura predict --interval "
    return join(
        element("h3", "Between which values the truth lies"),
        element("p", f"{told}{found.level:g} writes them beside each prediction.".replace("?.", "?")),
        bounded,
    )


def probabilities(view: View) -> Html | None:
    """The reliability diagram of the test set, and what was changed; None where there are no probabilities."""
    found, calibration = view.record.reliability, view.record.calibration
    if found is None:
        return None
    sure = [one.sure for one in found.bins]
    lines = [
        Line("as sure as right", [0.0, 1.0], [0.0, 1.0], colour="--line", mode="lines", dash="dot"),
        Line(
            "test rows", sure, [one.right for one in found.bins], [one.low for one in found.bins],
            [one.high for one in found.bins], MARKS[0], "markers",
        ),
    ]  # fmt: skip
    least = min([*sure, *(one.low for one in found.bins)], default=0.0)
    axis = {"range": [max(0.0, least - 0.05), 1.02]}
    drawn = chart(lines, "how sure the model was", f"{as_words('share')} right", height=320, xaxis=axis, yaxis=axis)
    told = [found.sentence, *(calibration.sentences if calibration is not None else [])]
    return join(
        element("h3", "Can its probabilities be taken at their word?"), drawn, *(element("p", one) for one in told)
    )
