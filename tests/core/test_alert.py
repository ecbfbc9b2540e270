"""The administrator hears of an account that sends far more than ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.alert import tell
from postroom.queue.surge import release
from postroom.store.database import StoreUnavailable
from postroom.testing.miniature import Miniature

SETTINGS = {"queue": {"surge": {"least_hour": 2, "least_day": 5}}}
FAR = [f"u{n}@far.example" for n in range(3)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Miniature]:
    """A server with an administrator, and with ann, who has sent too much."""
    with Miniature(tmp_path, settings=SETTINGS) as running:
        running.add_user("chief", admin=True)
        running.add_user("ann")
        reply = running.send("ann@example.test", *FAR, user="ann", no_auth=True, address="198.51.100.7")
        assert reply.startswith("250")
        yield running


def test_the_main_administrator_is_told_once_with_the_command_that_releases(server: Miniature) -> None:
    tell(server.context)
    tell(server.context)
    (mail,) = server.mailbox("chief")
    words = " ".join(mail.decode().split())
    for piece in (
        "The account ann suddenly sends far more",
        "3 recipients within one hour",
        "1 messages to 3 recipients are held now",
        "198.51.100.7 (1)",
        "postroom user release ann",
    ):
        assert piece in words


def test_nothing_has_left_until_then(server: Miniature) -> None:
    assert server.outbox.attempts == 0
    release(server.context.db, "ann", int(server.clock() * 1000))
    server.context.news.publish("queue")
    server.wait_for(1)


def test_a_release_before_the_mail_makes_it_needless(server: Miniature) -> None:
    release(server.context.db, "ann", int(server.clock() * 1000))
    tell(server.context)
    assert server.mailbox("chief") == []


def test_an_alert_that_cannot_be_written_is_written_later(server: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*arguments: object, **more: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(server.context.db, "write", gone)
        with pytest.raises(StoreUnavailable):
            tell(server.context)
    tell(server.context)
    assert len(server.mailbox("chief")) == 1


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    with Miniature(tmp_path, settings={"queue": {"surge": {"enabled": False, "least_hour": 1, "least_day": 1}}}) as server:
        assert server.context.queue.surges is None
