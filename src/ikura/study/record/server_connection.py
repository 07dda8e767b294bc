"""One connection to a PostgreSQL server, made with what libpq is given and what holds for a session."""

from __future__ import annotations

from typing import Any

from ikura.errors import UsageError
from ikura.study.record.address import connection_arguments, password_of
from ikura.study.record.server_faults import wants_password

__all__ = ["check_driver", "connected"]

ANSWER_SECONDS = 4
"""For so long each address of a host is waited for when a connection is made."""
ALIVE: dict[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
SESSION = (
    "SET search_path = {schema}",
    "SET lock_timeout = '10s'",
    "SET tcp_keepalives_idle = 30",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)
"""What holds for a connection. The server notices within a minute that a client's machine is gone, and frees its
lock."""


def check_driver() -> None:
    """Refuse a store on a server where psycopg is not installed, before SQLAlchemy looks for it.

    Raises:
        UsageError: it is not.
    """
    try:
        import psycopg  # noqa: F401  only whether it is there
    except ImportError:
        line = "a store on a server needs the package psycopg: pip install 'ikura[postgres]'"
        raise UsageError(line) from None


def connected(url: str, schema: str = "public") -> Any:
    """Connect to a database with psycopg.

    Args:
        url: as `ikura.study.record.address.parse_url` returns it.
        schema: in which tables are looked for.
    """
    import psycopg
    from psycopg import sql

    given: dict[str, Any] = {"connect_timeout": ANSWER_SECONDS, "client_encoding": "utf8", "application_name": "ikura"}
    try:
        connection = psycopg.connect(**given, **ALIVE, **connection_arguments(url), autocommit=True)
    except psycopg.OperationalError as error:
        if not wants_password(error) or not password_of(url):
            raise
        connection = psycopg.connect(**given, **ALIVE, **connection_arguments(url), autocommit=True)
    connection.execute(sql.SQL("; ".join(SESSION)).format(schema=sql.Identifier(schema)))
    connection.autocommit = False
    return connection
