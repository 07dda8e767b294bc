"""A PostgreSQL server of the tests' own: on a temporary folder and a free port, restarted and cut at will."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
}
USER, PASSWORD = "ada", "s3cret/@"


def programs() -> Path:
    """The folder of the newest server's programs; the tests are skipped where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'ikura[postgres]'")
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda one: int(one.parts[-3]))
    found = shutil.which("postgres") or (str(known[-1]) if known else None)
    if found is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    return Path(found).parent


class PostgresServer:
    """A server with one user, who owns one database and needs a password."""

    def __init__(self) -> None:
        self.programs = programs()
        self.folder = Path(tempfile.mkdtemp(prefix="ikura-postgres-"))
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.account: dict[str, Any] = {}
        if os.getuid() == 0:
            # A server refuses to run as root.
            names = [one.pw_name for one in pwd.getpwall()]
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.data = self.folder / "data"
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C")
        (self.data / "postgresql.auto.conf").write_text("".join(f"{k} = '{v}'\n" for k, v in SETTINGS.items()))
        everybody = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self.data / "pg_hba.conf").write_text(everybody)
        self.start()
        self.ask(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        self.ask(f"CREATE DATABASE studies OWNER {USER}")

    @property
    def url(self) -> str:
        """Of the database, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/studies"

    @property
    def secret(self) -> str:
        """The URL with the password."""
        return self.url.replace("@", ":s3cret%2F%40@", 1)

    def run(self, program: str, *arguments: Any) -> None:
        """Call one of the server's programs as its user."""
        words = [str(self.programs / program), *map(str, arguments)]
        ended = subprocess.run(words, capture_output=True, text=True, cwd=self.folder, **self.account)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.folder / "log", "-o", f"-p {self.port}", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; immediately is as after a power failure."""
        self.run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def restart(self, mode: str = "immediate") -> None:
        """Stop it and start it again."""
        self.stop(mode)
        self.start()

    def ask(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run a statement as the server's owner; its rows."""
        import psycopg

        place = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": database}
        with psycopg.connect(**place, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut(self) -> int:
        """End all connections of the user; how many there were."""
        return len(self.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'"))

    def close(self) -> None:
        """Stop it, and remove all that it wrote."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
