"""The dialogues against listening servers: Carol's maildrop is filled anew for each, her password is "secret word"."""

from __future__ import annotations

import time
from typing import Any

import pytest

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.mailboxes import append
from tests.dialogue import Dialogue, Step, run_on_socket
from tests.house import House, client_address, dialogues, proxied

DIALOGUES = dialogues("pop3")
MESSAGES = {
    7: b"Subject: first\r\n\r\nline 1\r\n.line 2\r\nline 3\r\n",
    9: b"Subject: second\r\nX: y\r\n\r\nbody\r\n\r\n\r\n",
}
UIDVALIDITY = 0x5F000000


def fill(house: House, name: str) -> None:
    """Exactly the two messages in the INBOX, with the numbers that the dialogues show."""
    with house.server.database() as database:
        account = Accounts(database).get(name)
        assert account is not None
        blobs = Blobs(database)

        def work(tx: Any) -> None:
            box = tx.one("SELECT id FROM mailbox WHERE account_id = ? AND path = 'INBOX'", (account.id,))[0]
            tx.do("DELETE FROM message WHERE mailbox_id = ?", (box,))
            for uid, text in MESSAGES.items():
                tx.do("UPDATE mailbox SET uidvalidity = ?, uidnext = ? WHERE id = ?", (UIDVALIDITY, uid, box))
                draft = blobs.draft()
                draft.write(text)
                draft.seal()
                append(tx, account.id, "INBOX", blob_id=draft.store(tx), size=len(text), prefix=b"", received_at=int(time.time() * 1000))

        database.write(work)


def of_carol(dialogue: Dialogue) -> Dialogue:
    """The dialogue as Carol's: Alice is somebody else here."""
    return Dialogue(
        dialogue.title, dialogue.settings, [Step(step.kind, step.text.replace("alice", "carol"), step.where) for step in dialogue.steps]
    )


@pytest.mark.parametrize("name", DIALOGUES)
def test_the_server_talks_as_written(house: House, name: str) -> None:
    dialogue = of_carol(DIALOGUES[name])
    number = list(DIALOGUES).index(name)
    fill(house, "carol")
    run_on_socket(dialogue, "127.0.0.1", house.port(f"pop3/{name}"), opening=proxied(client_address(dialogue, number)))
    kept = [step.text for step in dialogue.steps if step.kind == "KEPT"]
    if kept:
        assert len(house.server.inbox("carol")) == int(kept[-1])
