"""The dialogues against listening servers, each file with accounts of its own."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable

import pytest

from tests.accounts import users_of
from tests.dialogue import run_with_accounts
from tests.house import House, client_address, dialogues, proxied
from tests.peers import SocketPeer

DIALOGUES = dialogues("imap4")


def by_smtp(house: House) -> Callable[[str, bytes], None]:
    """Hands a message for a user in."""

    def deliver(user: str, data: bytes) -> None:
        with smtplib.SMTP("127.0.0.1", house.port("SMTP"), "client.example", timeout=20) as smtp:
            smtp.sendmail("ann@elsewhere.example", f"{user}@example.test", data)

    return deliver


@pytest.mark.parametrize("name", DIALOGUES)
def test_the_server_talks_as_written(house: House, name: str) -> None:
    dialogue = DIALOGUES[name]
    address = proxied(client_address(dialogue, list(DIALOGUES).index(name)))

    def connect() -> SocketPeer:
        peer = SocketPeer(socket.create_connection(("127.0.0.1", house.port(f"imap4/{name}")), 20))
        peer.send(address)
        return peer

    run_with_accounts(dialogue, connect, by_smtp(house), users_of(name, dialogue))
