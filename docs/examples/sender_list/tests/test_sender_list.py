"""The plugin sender_list: who is refused, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from postroom.testing import Miniature

LISTED = "# nobody wants these\nspam@example.net\n@junk.example\n"


@pytest.fixture
def server(miniature: Callable[..., Miniature], tmp_path: Path) -> Miniature:
    """A server with the plugin and a user."""
    (tmp_path / "senders.txt").write_text(LISTED)
    server = miniature({"sender_list": {"file": str(tmp_path / "senders.txt")}})
    server.add_user("alice", "secret")
    return server


@pytest.mark.parametrize("sender", ["spam@example.net", "Spam@Example.NET", "anyone@junk.example"])
def test_a_listed_sender_is_refused(server: Miniature, sender: str) -> None:
    assert server.send(sender, "alice@example.test") == "550 5.7.1 We do not take mail from this sender"
    assert server.mailbox("alice") == []


@pytest.mark.parametrize("sender", ["friend@example.net", "anyone@sub.junk.example", ""])
def test_other_senders_are_left_to_others(server: Miniature, sender: str) -> None:
    assert server.send(sender, "alice@example.test").startswith("250 ")
    assert len(server.mailbox("alice")) == 1


def test_a_change_of_the_file_counts_at_once(server: Miniature, tmp_path: Path) -> None:
    (tmp_path / "senders.txt").write_text("friend@example.net\n")
    assert server.send("friend@example.net", "alice@example.test").startswith("550 ")
    assert server.send("spam@example.net", "alice@example.test").startswith("250 ")


def test_a_file_that_is_gone_is_a_temporary_failure(server: Miniature, tmp_path: Path) -> None:
    (tmp_path / "senders.txt").unlink()
    assert server.send("friend@example.net", "alice@example.test").startswith("451 ")


def test_a_user_who_has_logged_in_is_not_asked(server: Miniature) -> None:
    with server.connect("Submission", address="127.0.0.1") as peer:
        peer.say("EHLO pc.example")
        assert peer.say("AUTH PLAIN AGFsaWNlAHNlY3JldA==").startswith("235 ")
        assert peer.say("MAIL FROM:<spam@example.net>").startswith("250 ")
