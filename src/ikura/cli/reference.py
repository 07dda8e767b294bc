"""The reference page docs/cli.md, made from the commands themselves.

`python -m ikura.cli.reference > docs/cli.md` writes it; a test compares it with what stands there.
"""

from __future__ import annotations

from typing import Any

from ikura.cli.app import EXAMPLES, command

__all__ = ["markdown"]

INTRODUCTION = """\
# The command line

Every command is a thin layer over one call of the Python API. Data and results go to stdout; progress, log lines and
errors go to stderr, so that stdout can always be piped. `-h` or `--help` after any command shows its options.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | an error of ikura's; `-v` shows the traceback |
| 2 | the caller's mistake, told in one line: `ikura: error: …` |
| 3 | finished, but a check failed or could not be made, no trial trained to its end, or a large batch always loses |
| 129 | the terminal was closed (SIGHUP); `ikura resume RUN` continues |
| 130 | interrupted with Ctrl-C; `ikura resume RUN` continues; a second Ctrl-C waits for nothing |
| 141 | whoever read stdout closed it |
| 143 | ended by SIGTERM; `ikura resume RUN` continues |
"""


def markdown() -> str:
    """Write the reference page.

    Returns:
        Markdown: exit codes, then a section per command with its usage, arguments, options and examples.
    """
    root = command()
    sections = [INTRODUCTION, _section("ikura", root, EXAMPLES["ikura"])]
    sections += [_section(f"ikura {name}", child, EXAMPLES[name]) for name, child in root.commands.items()]
    return "\n".join(sections)


def _section(name: str, child: Any, lines: tuple[str, ...]) -> str:
    arguments = [parameter for parameter in child.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in child.params if parameter.param_type_name == "option"]
    usage = " ".join([name, *(argument.metavar for argument in arguments)])
    more = " [OPTIONS]" if options else ""
    tail = " COMMAND …" if hasattr(child, "commands") else ""
    body = [f"## {name}", "", child.help, "", "```", f"{usage}{more}{tail}", "```", ""]
    if arguments:
        body += ["| argument | meaning |", "|---|---|"]
        body += [f"| `{argument.metavar}` | {_cell(argument.help)} |" for argument in arguments]
        body += [""]
    body += ["| option | default | meaning |", "|---|---|---|"]
    body += [f"| {_names(option)} | {_default(option)} | {_cell(option.help)} |" for option in options]
    body += ["", "```sh", *lines, "```", ""]
    return "\n".join(body)


def _names(option: Any) -> str:
    value = f" {option.metavar}" if option.metavar else ""
    return ", ".join(f"`{name}{value}`" for name in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    nothing = option.default is None or option.default is False or option.multiple
    return "" if nothing else f"`{option.default}`"


def _cell(text: str) -> str:
    # Two words in brackets side by side would be a link.
    return " ".join(text.split()).replace("\\[", "[").replace("|", "\\|").replace("] [", "] \\[")


if __name__ == "__main__":
    print(markdown(), end="")
