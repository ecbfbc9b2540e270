"""Clients in IDLE, spread over all workers, hear at once what others do: delivery, IMAP in another session, POP3, folders."""

from __future__ import annotations

import contextlib
import poplib
import re
import smtplib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.peer import Peer
from tests.house import House
from tests.interop.boxes import Box, box
from tests.interop.programs import message

__all__ = ["box"]

CLIENTS = 9  # enough that every worker of three has some
SOON = 2.0  # seconds; the goal is 0.2, but the machine may be busy with other tests (bench/ measures it)


@pytest.fixture
def idlers(box: Box) -> Iterator[list[Peer]]:
    """Clients in IDLE on an INBOX with three messages."""
    box.fill("INBOX", [message() for _ in range(3)])
    with contextlib.ExitStack() as all_of_them:
        peers = [all_of_them.enter_context(client(box)) for _ in range(CLIENTS)]
        for peer in peers:
            peer.send(b"i IDLE\r\n")
            while not peer.line().startswith("+"):
                pass
        yield peers


def client(box: Box) -> Peer:
    """A login with the INBOX selected."""
    peer = Peer(box.port)
    peer.login_imap(box.name, select=True)
    return peer


def all_hear(peers: list[Peer], pattern: str, what: Callable[[], object]) -> None:
    """Each hears such a line soon after ``what`` is done."""
    what()
    began = time.monotonic()
    for peer in peers:
        heard = [peer.line()]
        while not re.fullmatch(pattern, heard[-1]):
            heard.append(peer.line())
        assert time.monotonic() - began < SOON, heard


def deliver(house: House, user: str) -> None:
    with smtplib.SMTP("127.0.0.1", house.port("SMTP"), "client.example", timeout=20) as smtp:
        smtp.sendmail("anna@client.example", f"{user}@example.test", message())


def test_mail_by_SMTP_is_noticed(box: Box, idlers: list[Peer]) -> None:
    all_hear(idlers, r"\* 4 EXISTS", lambda: deliver(box.house, box.name))
    all_hear(idlers, r"\* 5 EXISTS", lambda: deliver(box.house, box.name))


def test_what_another_session_does_is_noticed(box: Box, idlers: list[Peer]) -> None:
    with client(box) as other:
        all_hear(idlers, r"\* 2 FETCH \(.*FLAGS \([^)]*\\Flagged.*\)", lambda: other.say(b"STORE 2 +FLAGS (\\Flagged)"))
        all_hear(idlers, r"\* 4 EXISTS", lambda: other.say(b"COPY 1 INBOX"))
        all_hear(idlers, r"\* 1 EXPUNGE", lambda: other.say(b"UID MOVE 1 Archive"))


def test_a_message_that_POP3_deletes_is_noticed(box: Box, idlers: list[Peer]) -> None:
    def delete() -> None:
        pop = poplib.POP3("127.0.0.1", box.house.port("POP3"), timeout=20)
        pop.user(box.name)
        pop.pass_("secret")
        pop.dele(3)
        pop.quit()

    all_hear(idlers, r"\* 3 EXPUNGE", delete)


def test_DONE_ends_it_everywhere(box: Box, idlers: list[Peer]) -> None:
    for peer in idlers:
        peer.send(b"DONE\r\n")
        assert peer.answer(b"i")[-1].startswith("i OK")
