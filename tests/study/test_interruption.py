"""Ctrl-C at any moment: a transaction is whole or never was, and the store can be written afterwards."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ikura.study.record.deferred_interrupts import uninterrupted
from ikura.study.record.facts import SECONDS
from ikura.study.record.store import Store
from ikura.study.record.tables import CURVES

TRIALS, EPOCHS = 8, 60


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_comes_after_the_block() -> None:
    reached = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")
        reached.append("behind")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_of_two_errors_the_interrupt_is_raised() -> None:
    @uninterrupted()
    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        raise ValueError("within")

    with pytest.raises(KeyboardInterrupt) as raised:
        work()
    assert isinstance(raised.value.__context__, ValueError)


def test_off_the_main_thread_nothing_is_changed() -> None:
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_interrupted_anywhere_the_store_is_whole_and_can_be_written(tmp_path: Path) -> None:
    """Without the deferral the first interrupts leave the database locked by its own process."""
    store = Store(tmp_path / "study.db", create=True)
    drawn, interrupts = random.Random(0), 0

    def write(value: float) -> None:
        def rewrite(connection: sa.Connection) -> None:
            connection.execute(sa.delete(CURVES))
            rows = [
                {"trial": trial, "epoch": epoch, "train_loss": value, "dev_loss": value, "dev_score": value}
                for trial in range(TRIALS)
                for epoch in range(1, EPOCHS + 1)
            ]
            connection.execute(sa.insert(CURVES), rows)

        store.write(rewrite)

    def work(timer: threading.Timer) -> None:
        timer.start()
        with store.timed("search"):
            for i in range(10**9):
                write(i)

    main = threading.main_thread().ident
    for _ in range(100):
        timer = threading.Timer(drawn.random() * 0.01, signal.pthread_kill, (main, signal.SIGINT))
        try:
            work(timer)
        except KeyboardInterrupt:
            interrupts += 1
        timer.join()
        frame = store.curves()
        assert len(frame) in (0, TRIALS * EPOCHS)
        assert frame["dev_score"].nunique() <= 1
    assert interrupts == 100
    assert (store.fact(SECONDS) or {})["search"] > 0
