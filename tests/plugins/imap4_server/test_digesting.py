"""The job that digests new messages: it hears of them, waits until they have settled, and rests while more come in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from postroom.store.digest import pending
from postroom.testing import Miniature
from postroom_imap4_server import digesting
from postroom_imap4_server.digesting import Digesting


@pytest.fixture
def job(server: Miniature, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], gevent.Greenlet[..., Any]]]:
    """Starts the job of a worker."""
    monkeypatch.setattr(digesting, "SETTLE", 0.01)  # seconds
    running: list[gevent.Greenlet[..., Any]] = []

    def start() -> gevent.Greenlet[..., Any]:
        running.append(gevent.spawn(Digesting(server.context).run))
        return running[-1]

    yield start
    gevent.killall(running)


def waits(server: Miniature) -> int:
    return len(pending(server.context.db))


def until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.01)


def test_what_was_there_before_is_digested(server: Miniature, job: Callable[[], object]) -> None:
    server.send("ann@example.org", "alice@example.test")
    assert waits(server) == 1
    job()
    until(lambda: not waits(server))


def test_new_mail_is_digested_when_its_news_come(server: Miniature, job: Callable[[], object]) -> None:
    job()
    gevent.sleep(0.05)
    server.send("ann@example.org", "alice@example.test")
    server.context.news.publish("mailbox", mailbox=1)
    until(lambda: not waits(server))


def test_a_job_that_is_cut_off_is_taken_up_again(server: Miniature, job: Callable[[], gevent.Greenlet[..., Any]]) -> None:
    for number in range(60):
        server.send("ann@example.org", "alice@example.test", text=f"Subject: {number}\n\nx\n")
    first = job()
    gevent.sleep(0.02)
    first.kill()
    job()
    until(lambda: not waits(server))


def test_it_rests_longer_while_mail_comes_in(server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    rested: list[float] = []
    monkeypatch.setattr(gevent, "sleep", rested.append)
    one = Digesting(server.context)
    one._rest(1.0)
    server.context.news.publish("mailbox", mailbox=1)
    one._rest(1.0)
    assert rested == [digesting.REST, digesting.REST_WHILE_BUSY]
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    one._rest(1.0)
    assert rested[-1] == digesting.REST


def test_the_plugin_has_one_such_job(server: Miniature) -> None:
    assert [one.name for one in server.context.ask.collect("register_jobs")].count("digest") == 1
