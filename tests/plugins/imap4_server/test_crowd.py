"""Several clients, deliveries and POP3 at one mailbox of a listening server, all at the same time."""

from __future__ import annotations

import uuid

from tests.house import House
from tests.plugins.imap4_server.crowd import Crowd
from tests.plugins.imap4_server.player import truth


def test_clients_that_work_at_the_same_time_are_never_told_what_is_not_so(house: House) -> None:
    user = f"crowd{uuid.uuid4().hex[:8]}"
    house.server.add_accounts({user: "secret"})
    with house.server.database() as database:
        crowd = Crowd(house.port("IMAP4"), house.port("SMTP"), house.port("POP3"), user, lambda: truth(database, user))
        assert crowd.play(3.0, clients=3, seed=1) > 20
