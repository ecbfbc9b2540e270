"""A process killed at any moment: what it acknowledged is there, and nothing is half there."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import connect
from postroom.store.mailboxes import Mailboxes

WRITER = """
import hashlib, os, random, sys
from gevent import monkey
monkey.patch_all()
import gevent
from postroom.store import traces
from postroom.store.blobs import Blobs
from postroom.store.database import connect
from postroom.store.mailboxes import append

url, account, run = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = connect(url)
blobs = Blobs(db)

def deliver(number):
    body = b"%d.%d " % (run, number) + os.urandom(20) * random.choice((1, 100, 20000))
    draft = blobs.draft()
    draft.write(body)
    draft.seal()
    def work(tx):
        box, uid = append(tx, account, "INBOX", blob_id=draft.store(tx), size=len(body), prefix=b"", received_at=0, trace=number)
        traces.record(tx, run * 1_000_000 + number, 0, "accepted", {})
        return box, uid
    box, uid = db.write(work, keys=[account])
    os.write(1, b"%d %d %d %s\\n" % (box, uid, run * 1_000_000 + number, hashlib.md5(body).hexdigest().encode()))

def forever(start):
    for number in range(start, 1_000_000, 20):
        deliver(number)

gevent.joinall([gevent.spawn(forever, start) for start in range(20)])
"""


def killed_after(seconds: float, url: str, account: int, run: int) -> list[bytes]:
    """Start a process that delivers without end, kill it, and return what it has acknowledged."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", WRITER, url, str(account), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        first = process.stdout.readline()  # it works now
        time.sleep(seconds)
        process.kill()
        lines = [first, *process.stdout.read().splitlines(keepends=True)]
    return [line for line in lines if line.endswith(b"\n")]


def test_kill_9_during_group_commits_loses_nothing_acknowledged_and_leaves_nothing_half_done(database_url: str) -> None:
    db = connect(database_url)
    account = Accounts(db).add("joe").id
    acknowledged = [line for run in range(1, 4) for line in killed_after(random.uniform(0.05, 0.4), database_url, account, run)]
    assert len(acknowledged) > 20
    mailboxes = Mailboxes(db, Blobs(db))
    for line in acknowledged:
        box, uid, trace, digest = line.split()
        content = b"".join(mailboxes.content(int(box), int(uid)))
        assert hashlib.md5(content).hexdigest().encode() == digest
        assert db.read(lambda tx, trace=int(trace): tx.one("SELECT event FROM trace WHERE trace = ?", (trace,))) == ("accepted",)  # type: ignore[misc]
    folder = mailboxes.find(account, "INBOX")
    assert folder is not None
    entries = mailboxes.listing(folder.id)
    assert [entry.uid for entry in entries] == list(range(1, folder.uidnext))
    for entry in entries:  # whatever else was committed is whole
        assert sum(map(len, mailboxes.content(folder.id, entry.uid))) == entry.size
    assert db.read(lambda tx: tx.one("SELECT COUNT(*) FROM trace")) == (len(entries),)
    db.close()
