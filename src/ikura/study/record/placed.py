"""Where a study is: its run folder, or a server that it is recorded on, and what messages and commands call it."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from ikura.errors import RunError
from ikura.files import shown
from ikura.study.record.address import Address
from ikura.study.record.facts import HOMES
from ikura.study.record.home import HomeRecord
from ikura.study.record.store import Store

__all__ = ["Placed", "home_of"]


def home_of(store: Store) -> HomeRecord | None:
    """The run folder in which a process trained a study last; None where that is not on record."""
    homes = store.fact(HOMES) or []
    return homes[-1] if homes else None


class Placed:
    """A study in its place.

    Attributes:
        place: the run folder; or where the study is on a server, if the folder is not on this machine.
        store: what is on record of it.
    """

    place: Path | Address
    store: Store

    @property
    def run(self) -> Path:
        """The run folder.

        Raises:
            RunError: the study is known by its address on a server alone.
        """
        return self.folder_with("the run folder")

    def folder_with(self, what: str) -> Path:
        """The run folder, for something that lies in it.

        Args:
            what: that is, for the message.

        Raises:
            RunError: the study is known by its address on a server alone; the message says where the folder is.
        """
        if not isinstance(self.place, Address):
            return self.place
        home, here = self.home, self.place.folder
        where = "which is on the machine that trained it" if home is None else f"{home['folder']} on {home['host']}"
        raise RunError(f"{self.place}: this needs {what}, {where}: do it there, or copy the folder to {here} here")

    @property
    def home(self) -> HomeRecord | None:
        """The run folder in which a process trained the study last; None where that is not on record."""
        return home_of(self.store)

    @property
    def named_folder(self) -> Path:
        """The run folder as commands name it, also where it is on another machine."""
        if not isinstance(self.place, Address):
            return self.place
        home = self.home
        return self.place.folder if home is None else Path(home["folder"])

    @property
    def called(self) -> str:
        """What a message calls the study: its run folder, or where it is on a server."""
        return str(self.place) if isinstance(self.place, Address) else shown(self.place)

    @property
    def title(self) -> str:
        """The study's name, or that of its run folder."""
        return self.place.study if isinstance(self.place, Address) else self.place.resolve().name

    @property
    def words(self) -> str:
        """The words by which a command names the study."""
        if isinstance(self.place, Address):
            return f"--store {quote(self.place.url)} {quote(self.place.study)}"
        return quote(shown(self.place))
