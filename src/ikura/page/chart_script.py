"""The script that draws the charts of pages, plotly's: in a page, beside it, or left out."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ikura.errors import UsageError
from ikura.files import write_output
from ikura.page.markup import Html, element
from ikura.wording import one_line

__all__ = [
    "CHART_SCRIPTS",
    "ChartScript",
    "chart_script_of",
    "inline_script",
    "linked_script",
    "share_script",
    "without_charts",
]

VERSION = re.compile(r"plotly\.js v(\d[\w.-]*)")
HEAD = 400
"""Characters of the script in which it says its version."""
CHART = re.compile(
    r'<div class="plot" role="img" aria-label="([^"]*)" style="[^"]*">'
    r'<script type="application/json">.*?</script></div>',
    re.DOTALL,
)


class ChartScript(StrEnum):
    """Where pages have the script that draws their charts."""

    INLINE = "inline"
    """In the page itself, which needs nothing else."""
    SHARED = "shared"
    """In a file that the pages of several runs share."""
    NONE = "none"
    """Nowhere: charts are left out."""


CHART_SCRIPTS = tuple(one.value for one in ChartScript)


def chart_script_of(name: object) -> ChartScript:
    """Take a caller's word for where the script is to be.

    Raises:
        UsageError: it is none of those that there are.

    Example:
        >>> chart_script_of("shared").value
        'shared'
    """
    if name not in CHART_SCRIPTS:
        words = f"{', '.join(map(repr, CHART_SCRIPTS[:-1]))} or {CHART_SCRIPTS[-1]!r}"
        raise UsageError(f"report_script must be {words}, but is {one_line(repr(name), 60)}")
    return ChartScript(str(name))


def inline_script() -> Html:
    """The script as an element that holds all of it."""
    return Html(f"<script>{_escaped()}</script>")


def linked_script(address: str) -> Html:
    """The script as an element that loads it.

    Args:
        address: where it lies, seen from the page.

    Example:
        >>> print(linked_script("../plotly.js"))
        <script src="../plotly.js"></script>
    """
    return element("script", src=address)


def share_script(folder: Path) -> str:
    """Put the script into a folder, unless it is there already.

    Args:
        folder: where pages look for it.

    Returns:
        The name of its file, which holds its version.

    Raises:
        StorageError: it cannot be written.
    """
    source = _file()
    with source.open(encoding="utf-8") as opened:
        found = VERSION.search(opened.read(HEAD))
    path = folder / (f"plotly-{found[1]}.min.js" if found else "plotly.min.js")
    if not path.is_file() or path.stat().st_size != source.stat().st_size:
        write_output(path, source.read_bytes())
    return path.name


def without_charts(content: Html) -> Html:
    """Put words in the place of charts.

    Example:
        >>> from ikura.page.figure import figure
        >>> print(without_charts(figure([], {}, label="loss by epoch")))
        <figure><p class="quiet">A chart is left out here: loss by epoch.</p></figure>
    """
    return Html(
        CHART.sub(lambda one: f'<p class="quiet">A chart is left out here: {one[1] or "unnamed"}.</p>', content)
    )


def _file() -> Path:
    # Where the package lies can be told without importing it, which takes a tenth of a second.
    found = find_spec("plotly")
    assert found is not None
    [package] = found.submodule_search_locations or []
    return Path(package, "package_data", "plotly.min.js")


@cache
def _escaped() -> str:
    # Escapes in place of the few characters that are not ASCII: a string of these takes half the memory and time.
    plain = _file().read_text(encoding="utf-8").encode("ascii", errors="backslashreplace").decode("ascii")
    return plain.replace("</script", "<\\/script")
