"""The studies of a database on a server, as the page serves them."""

from __future__ import annotations

from urllib.parse import urlsplit

from ikura.errors import RunError
from ikura.study.record.address import Address
from ikura.web.server_reader import server_reader

__all__ = ["ServerStudies"]


class ServerStudies:
    """All studies of a database that its user may look at.

    Args:
        url: of the database, as `ikura.study.record.address.parse_url` returns it.

    Raises:
        RunError: the server does not answer.
    """

    single = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.all()

    @property
    def name(self) -> str:
        """What the page calls the place."""
        return urlsplit(self.url).path[1:]

    def all(self) -> dict[str, Address]:
        """Return the studies that are there, by name."""
        return {name: Address(self.url, name) for name in server_reader(self.url).studies()}

    def get(self, name: str) -> Address:
        """Return a study.

        Raises:
            RunError: there is none of this name.
        """
        found = self.all().get(name)
        if found is None:
            raise RunError("no such study in the database that is served")
        return found
