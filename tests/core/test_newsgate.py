"""News between nodes that share one PostgreSQL; in a process of its own, patched as the server is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.databases import Postgresql
from tests.server import environment

NODES = """
from gevent import monkey
monkey.patch_all()
import json, sys, time
from pathlib import Path
import gevent
from postroom.news import News
from postroom import newsgate
from postroom.newsgate import NewsGate

newsgate.SILENCE = 0.2  # many looks at the server while the test lasts
url, folder = sys.argv[1:]
here, there = (News(Path(folder, name), later=gevent.spawn_later) for name in "ab")
gates = [NewsGate(url, news, name) for news, name in ((here, "a"), (there, "b"))]
for gate in gates:
    gate.start()
at_home, elsewhere, told = [], [], 0
here.subscribe("mailbox", at_home.append)
there.subscribe("mailbox", elsewhere.append)
deadline = time.monotonic() + 15
while not elsewhere and time.monotonic() < deadline:  # news may get lost while the gates connect
    told += 1
    here.publish("mailbox", mailbox=told)
    gevent.sleep(0.1)
gevent.sleep(0.3)
for gate in gates:
    gate.stop()
print(json.dumps({"told": told, "home": at_home, "elsewhere": elsewhere}))
"""


def test_what_happens_on_one_node_is_heard_on_the_other_and_only_once_at_home(postgresql: Postgresql, tmp_path: Path) -> None:
    database = postgresql.create()
    command = [sys.executable, "-c", NODES, postgresql.url(database), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, env=environment())
    postgresql.drop(database)
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout)
    assert {"topic": "mailbox", "mailbox": heard["told"]} in heard["elsewhere"]
    assert [fact["mailbox"] for fact in heard["home"]] == list(range(1, heard["told"] + 1))
