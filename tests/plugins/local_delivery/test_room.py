"""Mail for a full mailbox: refused for now, at RCPT, and only where that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.mail.delivery import Refuse, Route, ToMailbox, ToQueue
from postroom.mail.envelope import Envelope
from postroom.store.directory import Directory, User
from postroom.testing.miniature import Miniature
from postroom_local_delivery.room import FULL, while_room

DIRECTORY = Directory(1, {"bob": User(2, "bob", bounded=True), "ann": User(3, "ann")})
BOB, ANN = ToMailbox(2, "bob"), ToMailbox(3, "ann")


def full(account: int, size: int) -> bool:
    return False


def test_a_full_mailbox_refuses_for_now_and_says_why() -> None:
    refused = while_room(Route((BOB,), ("user bob",), inbound=True), 0, DIRECTORY, full)
    assert refused == Route((Refuse(FULL),), ("user bob", "the quota of user bob is used up"), inbound=True)


def test_the_size_that_was_announced_counts() -> None:
    route = Route((BOB,))
    assert while_room(route, 500, DIRECTORY, lambda account, size: (account, size) == (2, 500)) is route


@pytest.mark.parametrize("targets", [(ANN,), (BOB, ANN), (BOB, ToQueue("x@y.example")), (ToQueue("x@y.example"),), ()])
def test_nobody_is_asked_for_accounts_without_a_quota_and_for_several_targets(targets: tuple[ToMailbox | ToQueue, ...]) -> None:
    route = Route(targets)
    assert while_room(route, 1, DIRECTORY, full) is route


def test_smtp_answers_452_until_there_is_room_again(tmp_path: Path) -> None:
    with Miniature(tmp_path) as server:
        server.add_user("bob", quota_messages=1)
        assert server.send("ann@elsewhere.example", "bob@example.test").startswith("250")
        assert server.send("ann@elsewhere.example", "bob@example.test") == "452 4.2.2 The mailbox is full, try again later"
        server.context.accounts.update("bob", quota_messages=2)
        server.context.directory.refresh()
        assert server.send("ann@elsewhere.example", "bob@example.test").startswith("250")


def test_our_own_report_reaches_a_full_mailbox(tmp_path: Path) -> None:
    with Miniature(tmp_path) as server:
        server.add_user("bob", quota_messages=1)
        server.send("ann@elsewhere.example", "bob@example.test")
        envelopes = [Envelope("", local_origin=own) for own in (True, False)]
        report, bounce = (server.context.ask.first("route", address="bob@example.test", envelope=one) for one in envelopes)
        assert report.refusal is None
        assert bounce.refusal == FULL
