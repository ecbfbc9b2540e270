"""Numbers of several processes are added up, and those of dead processes stay where they are sums."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.server import environment

WORK = """
import os, sys
from pathlib import Path
from postroom import metrics
folder = Path(sys.argv[1])
metrics.prepare(folder)
def work(name):
    numbers = metrics.Metrics(name=name)
    numbers.count("messages", 2)
    numbers.count("logins", protocol="POP3", success="true")
    numbers.gauge("sessions", 5)
    numbers.observe("delivery_seconds", 0.2, channel="out")
    os._exit(0)
def run(name):
    pid = os.fork()
    if pid == 0:
        work(name)
    os.waitpid(pid, 0)
for name in ("0", "1", "2"):
    run(name)
page = metrics.Metrics().render().decode()
assert "postroom_messages_total 6.0" in page, page
assert 'postroom_logins_total{protocol="POP3",success="true"} 3.0' in page, page
assert "postroom_sessions 15.0" in page, page
assert 'postroom_delivery_seconds_count{channel="out"} 3.0' in page, page
metrics.forget_process("0")
page = metrics.Metrics().render().decode()
assert "postroom_sessions 10.0" in page, page
assert "postroom_messages_total 6.0" in page, page
files = sorted(folder.iterdir())
run("1")
assert sorted(folder.iterdir()) == files
page = metrics.Metrics().render().decode()
assert "postroom_messages_total 8.0" in page, page
assert 'postroom_delivery_seconds_count{channel="out"} 4.0' in page, page
metrics.prepare(folder)
assert "postroom_messages" not in metrics.Metrics().render().decode()
print("all right")
"""


def test_the_numbers_of_several_processes_are_added_up(tmp_path: Path) -> None:
    """In a process of its own: prometheus-client decides when it is first imported where the numbers are kept."""
    done = subprocess.run([sys.executable, "-c", WORK, str(tmp_path)], capture_output=True, text=True, env=environment(), timeout=60)
    assert done.stdout == "all right\n", done.stderr
