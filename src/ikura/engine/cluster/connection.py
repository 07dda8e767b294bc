"""The connection of this process to a Ray cluster, or a cluster of this machine alone."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ikura.engine.cluster.address import AUTO, LOCAL, answering
from ikura.engine.cluster.question import CLIENT
from ikura.engine.cluster.token import asks_for_token
from ikura.errors import UsageError
from ikura.process_state import cores, end_at_once, ignored_warnings
from ikura.wording import one_line

__all__ = ["check_installed", "check_reached", "connect", "disconnect", "head_of", "leave"]

USUAL = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}
"""Nothing is reported to Ray's makers, nothing said of versions to come; workers get the time that threads would."""


_LOGGER = logging.getLogger("ikura")

SECONDS_TO_CONNECT = 60.0
"""How long Ray may take to connect to a cluster that answers."""
SECONDS_TO_LEAVE = 8.0
"""How long it may take to let go of one that does not."""


def check_installed() -> None:
    """Refuse to go on without Ray.

    Raises:
        UsageError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise UsageError("Ray is not installed, which engine='ray' needs: pip install 'ikura[ray]'")


def connect(address: str, workers: int | None, gpus: bool) -> bool:
    """Connect to the cluster at an address; "local" begins one on this machine, which ends with this process.

    Args:
        address: as for `check_address`.
        workers: of a local cluster; None for one for each core.
        gpus: whether it needs GPUs, which Ray then looks for.

    Returns:
        Whether a connection was made; False where the caller's process had one, which is used.

    Raises:
        UsageError: Ray is missing, nothing answers, its version is another one, or it asks for a token.
    """
    check_installed()
    import ray

    if ray.is_initialized():
        return False
    given: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        given |= {"address": LOCAL, "include_dashboard": False}
        given |= {} if gpus else {"num_cpus": workers or cores(), "num_gpus": 0}
    else:
        given["address"] = _reached(address)
    try:
        with ignored_warnings, _kept_handlers(), _environment(USUAL):
            if address == LOCAL or given["address"].startswith(CLIENT):
                # A connection through a client server is its thread's.
                ray.init(**given)
            else:
                _aside(lambda: ray.init(**given))
        _quieten()
    except SystemExit:
        # What Ray makes of SIGTERM while it connects; the handler is this process's again.
        os.kill(os.getpid(), signal.SIGTERM)
        raise
    except (RuntimeError, ConnectionError, ImportError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        where = "on this machine" if address == LOCAL else f"at {given['address']}"
        raise UsageError(f"no connection to a Ray cluster {where}: {_reason(error)}") from error
    return True


def check_reached(address: str) -> None:
    """Refuse an address where no cluster answers, or one that does not let this process in, before anything is done.

    Args:
        address: as for `connect`.

    Raises:
        UsageError: so it is.
    """
    ray = sys.modules.get("ray")
    if address != LOCAL and not (ray is not None and ray.is_initialized()):
        _reached(address)


def _reached(address: str) -> str:
    """See that a cluster answers at an address, and lets this process in.

    Args:
        address: as for `check_address`, other than "local".

    Returns:
        What Ray is to be given as the address.

    Raises:
        UsageError: nothing answers, or it asks for a token.
    """
    place, found_here = answering(address), address == AUTO and not os.environ.get("RAY_ADDRESS")
    # Asked for it by this name, Ray sends the user's token.
    return AUTO if asks_for_token(place, found_here) and found_here else place


def head_of(address: str) -> str:
    """Where the head of the cluster answers that this process is connected to.

    Args:
        address: that was connected to.
    """
    import ray

    if ray.util.client.ray.is_connected():
        return address
    return str(ray.get_runtime_context().gcs_address)


def _quieten() -> None:
    """Let what Ray's own processes say, many lines where one of them has ended, go to the log."""
    import ray

    worker: Any = getattr(getattr(ray, "_private", None), "worker", None)
    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda data, **_: _LOGGER.debug("%s", one_line(str(data.get("lines", "")), 1000))


def _aside(connects: Callable[[], object]) -> None:
    """Let a thread connect: Ray waits where no signal reaches Python, and for minutes.

    Raises:
        TimeoutError: it takes longer than `SECONDS_TO_CONNECT`.
    """
    done, raised = threading.Event(), list[BaseException]()

    def connect() -> None:
        try:
            connects()
        except BaseException as error:
            raised.append(error)
        finally:
            done.set()

    threading.Thread(target=connect, name="ikura connects to Ray", daemon=True).start()
    if not done.wait(SECONDS_TO_CONNECT):
        raise TimeoutError(f"it answers, but no connection was made within {SECONDS_TO_CONNECT:g} seconds")
    if raised:
        raise raised[0]


def leave() -> None:
    """Give up the connection to a cluster that is lost.

    Ray may wait for it without end, and so again at the end of the process, which the command line then ends at once.
    """
    parting = threading.Thread(target=disconnect, name="ikura leaves Ray", daemon=True)
    parting.start()
    parting.join(SECONDS_TO_LEAVE)
    if parting.is_alive():
        end_at_once()


def disconnect() -> None:
    """End the connection, and with it what was begun over it."""
    import ray

    with ignored_warnings, _kept_handlers():
        ray.shutdown()


def _reason(error: BaseException) -> str:
    if isinstance(error, ImportError) and "grpc" in str(error):
        return "ray:// needs pip install 'ray[client]'"
    return one_line(" ".join(str(error).split()), 300)


@contextmanager
def _kept_handlers() -> Iterator[None]:
    """Put the handler of SIGTERM back that Ray replaces by its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment that are not set, for a while."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def unwrapped(error: BaseException) -> BaseException:
    """The error that a worker met, without what Ray puts around it.

    Example:
        >>> unwrapped(ValueError("full"))
        ValueError('full')
    """
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else error
