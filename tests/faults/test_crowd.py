"""Several IMAP clients, deliveries and POP3 at one mailbox for a while: no violation of the protocol, nobody disagrees with the store."""

from __future__ import annotations

import pytest

from tests.faults.conftest import Launch
from tests.faults.lengths import LONG, rounds
from tests.plugins.imap4_server.crowd import Crowd
from tests.plugins.imap4_server.player import truth

SECONDS = rounds(2, 60)
COMMANDS_A_SECOND = 10  # of all together, on a busy machine


@pytest.mark.parametrize(("workers", "clients"), [(1, 2), (3, 2), (2, 6)] if LONG else [(2, 2)])
def test_clients_under_random_commands_agree_with_the_store(launch: Launch, workers: int, clients: int) -> None:
    server = launch({"server": {"workers": workers}})
    with server.database() as database:
        crowd = Crowd(server.ports["IMAP4"], server.ports["SMTP"], server.ports["POP3"], "bob", lambda: truth(database, "bob"))
        given = crowd.play(SECONDS, clients, seed=workers * 100 + clients)
    print(f"{given} commands of {clients} clients in {SECONDS} s")
    assert given > SECONDS * COMMANDS_A_SECOND
