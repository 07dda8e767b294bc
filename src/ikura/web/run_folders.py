"""The run folders below the folder that is served: found, named, and never left."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from ikura.errors import RunError
from ikura.web.located import CONFIG, Run, address_of
from ikura.web.server_reader import server_reader

__all__ = ["RunFolders", "is_live"]

DEPTH = 5
"""Folders below the served one in which runs are looked for."""
MOST_FOLDERS = 20_000
MOST_RUNS = 2_000
FRESH_SECONDS = 2.0
"""For so long a look at the disk is good."""
RECENT_SECONDS = 60.0
LOCKS = Path("/proc/locks")


class RunFolders:
    """The runs that are served: those that lie below one folder, or the folder itself.

    A run is known by its path below the folder. Links are not followed, so that all that is served lies there.

    Args:
        folder: a run folder, or one with run folders below it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.single = (self.folder / CONFIG).is_file()
        self._lock = Lock()
        self._found: dict[str, Path] = {}
        self._looked = -FRESH_SECONDS

    @property
    def name(self) -> str:
        """What the page calls the place."""
        return self.folder.name

    def all(self) -> dict[str, Path]:
        """Return the runs that are there, by name."""
        with self._lock:
            if time.monotonic() - self._looked >= FRESH_SECONDS:
                self._found = dict(self._look())
                self._looked = time.monotonic()
            return dict(self._found)

    def get(self, name: str) -> Path:
        """Return a run's folder.

        Raises:
            RunError: no run of this name lies below the folder.
        """
        found = self.all().get(name)
        if found is None:
            raise RunError("no such run in the folder that is served")
        return found

    def _look(self) -> Iterator[tuple[str, Path]]:
        if self.single:
            yield self.folder.name, self.folder
            return
        runs = 0
        for folders, (place, below, files) in enumerate(os.walk(self.folder), 1):
            depth = len(Path(place).relative_to(self.folder).parts)
            if CONFIG in files and depth:
                runs += 1
                below.clear()
                if not _leads_out(Path(place)):
                    yield Path(place).relative_to(self.folder).as_posix(), Path(place)
            if depth >= DEPTH:
                below.clear()
            below[:] = sorted(name for name in below if not name.startswith((".", "__")) and name != "node_modules")
            if folders >= MOST_FOLDERS or runs >= MOST_RUNS:
                return


def _leads_out(run: Path) -> bool:
    """Whether a file that is read of a run is a link, which may lead anywhere."""
    return any((run / name).is_symlink() for name in (CONFIG, "study.db", "study.db-wal", "study.db-shm"))


def is_live(run: Run) -> bool:
    """Whether a process works on a run: holds its lock, which is seen without touching it.

    A study on a server has its lock there. Where the system does not show its locks, a database that was written within
    the last minute counts.
    """
    if address := address_of(run):
        with suppress(RunError):
            found = server_reader(address.url).studies().get(address.study)
            return found is not None and found.live
        return False
    assert isinstance(run, Path)
    try:
        about = os.stat(run / ".lock")
        lines = LOCKS.read_text().splitlines()
    except FileNotFoundError:
        return not LOCKS.exists() and _recent(run)
    except OSError:
        return _recent(run)
    inode = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    return any(inode in line.split() and "->" not in line for line in lines)


def _recent(run: Path) -> bool:
    times = [(run / name).stat().st_mtime for name in ("study.db", "study.db-wal") if (run / name).exists()]
    return bool(times) and time.time() - max(times) < RECENT_SECONDS
