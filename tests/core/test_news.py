"""Facts travel between processes of one machine, get lost rather than hold anybody up, and between nodes over PostgreSQL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from postroom.news import LARGEST, News
from tests.databases import Postgresql
from tests.server import environment, serving


@pytest.fixture
def news(tmp_path: Path) -> Iterator[News]:
    """This process, listening."""
    news = News(tmp_path)
    news.listen()
    yield news
    news.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[News]:
    """Another process, as far as sockets go: it only tells."""
    other = News(tmp_path)
    yield other
    other.close()


def heard(news: News, topic: str) -> list[dict[str, Any]]:
    """A list that grows with what is told under ``topic``."""
    facts: list[dict[str, Any]] = []
    news.subscribe(topic, facts.append)
    return facts


def test_a_fact_reaches_the_others(news: News, other: News) -> None:
    facts = heard(news, "mailbox")
    other.publish("mailbox", mailbox=7)
    news.receive()
    assert facts == [{"topic": "mailbox", "mailbox": 7}]


def test_a_fact_reaches_its_own_process_at_once(news: News) -> None:
    facts = heard(news, "queue")
    news.publish("queue")
    assert facts == [{"topic": "queue"}]
    news.receive()
    assert len(facts) == 1


def test_who_fails_at_hearing_disturbs_neither_who_tells_nor_the_others(news: News) -> None:
    def fail(fact: dict[str, Any]) -> None:
        raise RuntimeError("the database is away")

    news.subscribe("queue", fail)
    facts = heard(news, "queue")
    news.publish("queue")
    assert len(facts) == 1


def test_other_topics_are_not_heard(news: News, other: News) -> None:
    facts = heard(news, "queue")
    other.publish("accounts")
    news.receive()
    assert facts == []


def test_facts_of_the_same_moment_travel_together_and_once(tmp_path: Path, news: News) -> None:
    later: list[Any] = []
    other = News(tmp_path, later=lambda seconds, function: later.append(function))
    facts = heard(news, "queue")
    for number in (1, 2, 1, 2, 1):
        other.publish("queue", number=number)
    assert len(later) == 1
    later[0]()
    news.receive()
    assert sorted(fact["number"] for fact in facts) == [1, 2]
    other.close()


def test_many_facts_are_told_in_several_datagrams(tmp_path: Path, news: News) -> None:
    later: list[Any] = []
    other = News(tmp_path, later=lambda seconds, function: later.append(function))
    facts = heard(news, "queue")
    for number in range(60):
        other.publish("queue", number=number, text="x" * 1000)
    later[0]()
    news.receive()
    assert len(facts) == 60
    other.close()


def test_a_fact_that_is_too_large_is_lost_and_nothing_else(news: News, other: News) -> None:
    facts = heard(news, "queue")
    other.publish("queue", text="x" * LARGEST)
    other.publish("queue", text="y")
    news.receive()
    assert [fact["text"] for fact in facts] == ["y"]


def test_a_full_buffer_does_not_hold_up_who_tells(news: News, other: News) -> None:
    for number in range(5000):
        other.publish("queue", number=number)
    facts = heard(news, "queue")
    news.receive()
    assert 0 < len(facts) < 5000


def test_the_socket_of_a_dead_process_is_removed(tmp_path: Path, other: News) -> None:
    dead = tmp_path / "news-1.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(dead))
    other.publish("queue")
    assert not dead.exists()


def test_without_a_run_directory_there_is_nobody_to_tell(tmp_path: Path) -> None:
    news = News(tmp_path / "never made")
    news.publish("accounts")
    news.close()


@pytest.mark.parametrize("datagram", [b"", b"x", b"{}", b"[1]", b'[{"no": "topic"}]', b"\xff", b'{"topic": "queue"}', b"null"])
def test_what_is_no_news_is_ignored(news: News, tmp_path: Path, datagram: bytes) -> None:
    facts = heard(news, "queue")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(datagram, str(tmp_path / f"news-{os.getpid()}.sock"))
        sock.sendto(json.dumps([{"topic": "queue", "number": 1}]).encode(), str(tmp_path / f"news-{os.getpid()}.sock"))
    news.receive()
    assert facts == [{"topic": "queue", "number": 1}]


def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    news, other = News(folder), News(folder)
    news.listen()
    facts = heard(news, "queue")
    other.publish("queue")
    news.receive()
    assert len(facts) == 1
    news.close()
    other.close()
    assert list(folder.iterdir()) == []


def test_two_nodes_hear_of_each_other_over_postgresql(postgresql: Postgresql, migrated_postgresql: str, tmp_path: Path) -> None:
    """Two servers with data directories of their own and one database: a mapping made at one is known at the other at once."""
    url = postgresql.url(postgresql.create(migrated_postgresql))
    changes = {"database": {"url": url, "pool": 3}, "plugins": {"pop3_server": None}}
    script = (
        "import sys, psycopg\n"
        "connection = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "connection.execute('LISTEN postroom')\n"
        "print('listening', flush=True)\n"
        "print(next(connection.notifies(timeout=20)).payload, flush=True)\n"
    )
    with serving(tmp_path / "one", changes, {"bob": "secret"}) as one, serving(tmp_path / "two", changes) as two:
        listener = subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True, env=environment())
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        one.run("alias", "add", "robert@example.test", "bob")
        assert '"accounts"' in listener.stdout.readline()
        listener.wait(20)
        listener.stdout.close()
        assert "bob" in two.run("explain", "robert@example.test").stdout


def test_a_stranger_on_the_channel_does_not_end_the_news_between_nodes(
    postgresql: Postgresql, migrated_postgresql: str, tmp_path: Path
) -> None:
    url = postgresql.url(postgresql.create(migrated_postgresql))
    with serving(tmp_path, {"database": {"url": url, "pool": 3}}, {"bob": "secret"}) as server:
        connection = psycopg.connect(url, autocommit=True)
        for payload in ("", "x", "[]", '{"node": "x"}', '{"node": "x", "facts": [{"topic": 1}]}'):
            connection.execute("SELECT pg_notify('postroom', %s)", (payload,))
        listeners = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN postroom' AND datname = current_database()"
        connection.execute("SELECT pg_sleep(0.2)")
        assert connection.execute(listeners).fetchone() == (1,)
        connection.close()
        assert "Traceback" not in server.log


def test_a_run_directory_of_another_user_stops_nobody_who_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command on a PostgreSQL that the server shares, by a user who may not look into its data directory."""

    def refuse(path: object) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    news = News(tmp_path)
    news.publish("queue")
    news.close()
