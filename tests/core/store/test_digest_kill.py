"""A process that dies while it digests loses nothing and leaves nothing half done: the next one goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from typing import Any

from postroom.mail.folding import fold
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database
from postroom.store.digest import Digester, pending
from postroom.store.fulltext import places
from postroom.store.fulltext.index import FullText, Scope
from postroom.store.fulltext.needle import Needle
from postroom.store.kept import Kept
from postroom.store.mailboxes import append

SCRIPT = """
import sys
from postroom.store import digest
from postroom.store.blobs import Blobs
from postroom.store.database import connect
from postroom.store.kept import Kept
digest.MOST_MESSAGES, digest.SLICE = 8, 4
digest.NEXT = digest.NEXT.replace("LIMIT 50", "LIMIT 4")
db = connect(sys.argv[1])
print("ready", flush=True)
digest.Digester(db, Blobs(db), lambda work, *arguments: work(*arguments), Kept(db)).run()
"""
MESSAGES, KILLS = 400, 5


def here(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def test_a_killed_digester_leaves_an_index_that_is_right(db: Database, database_url: str) -> None:
    account, texts = Accounts(db).add("joe"), {}
    for number in range(MESSAGES):
        draft = Blobs(db).draft()
        draft.write(f"Subject: {number}\r\n\r\nw{number}w of many\r\n".encode())
        blob = db.write(lambda tx: _append(tx, account.id, draft))  # noqa: B023
        texts[blob] = fold(f"w{number}w of many")
    for _ in range(KILLS):
        _kill_in_the_middle(database_url)
    Digester(db, Blobs(db), here, Kept(db)).run()
    assert pending(db) == []
    assert places.of(db, account.id, list(texts)).keys() == texts.keys()
    fulltext = FullText(db, Blobs(db), here)
    for word in ("w77w", "w1", "7w of", "many"):
        found = fulltext.search(account.id, list(texts), (), Needle(word), Scope.BODY)
        assert found & texts.keys() == {blob for blob, text in texts.items() if fold(word) in text}


def _append(tx: Any, account: int, draft: Any) -> int:
    blob: int = draft.store(tx)
    append(tx, account, "INBOX", blob_id=blob, size=draft.size, prefix=b"", received_at=7)
    return blob


def _kill_in_the_middle(url: str) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, url], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0.02, 0.15))
        child.kill()
