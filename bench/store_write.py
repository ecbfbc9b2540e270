"""Measures the store alone: greenlets that each deliver 4 KB messages in transactions of their own, acknowledged after the commit.

python bench/store_write.py [sqlite:///…|postgresql://…] --processes 1 --greenlets 20 --messages 20000
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402

from postroom.ids import new_id  # noqa: E402
from postroom.store import traces  # noqa: E402
from postroom.store.accounts import Accounts  # noqa: E402
from postroom.store.blobs import Blobs  # noqa: E402
from postroom.store.database import Tx, connect  # noqa: E402
from postroom.store.mailboxes import append  # noqa: E402
from postroom.store.migrate import migrate  # noqa: E402

PREFIX = b"Return-Path: <sender@example.test>\r\nReceived: from client by mail.example.test; now\r\n" + b"X-Filler: " + b"x" * 200 + b"\r\n"


def delivery(blobs: Blobs, account: int, size: int) -> tuple[Callable[[Tx], None], list[int]]:
    """What ``queue.put`` does for one local recipient."""
    draft = blobs.draft()
    draft.write(os.urandom(32) + b"x" * (size - 32))
    draft.seal()
    trace, now = new_id(), int(time.time() * 1000)
    event = traces.row(trace, now, "accepted", {"from": "sender@example.test", "to": ["user@example.test"], "size": size})

    def work(tx: Tx) -> None:
        blob = draft.store(tx)
        append(tx, account, "INBOX", blob_id=blob, size=size + len(PREFIX), prefix=PREFIX, received_at=now, trace=trace)
        traces.record_rows(tx, [event])

    return work, [account]


def worker(arguments: argparse.Namespace, accounts: list[int]) -> None:
    """Deliver this process's share and print how it went."""
    sys.setswitchinterval(arguments.switch)
    db = connect(arguments.url)
    blobs = Blobs(db)
    left = [arguments.messages // arguments.processes]
    waits: list[float] = []

    def run() -> None:
        while left[0] > 0:
            left[0] -= 1
            work, keys = delivery(blobs, random.choice(accounts), arguments.size)
            start = time.perf_counter()
            db.write(work, keys=keys)
            waits.append(time.perf_counter() - start)

    start = time.perf_counter()
    gevent.joinall([gevent.spawn(run) for _ in range(arguments.greenlets)], raise_error=True)
    took = time.perf_counter() - start
    db.close()
    waits.sort()
    p50, p99 = (waits[len(waits) * percent // 100] * 1e3 for percent in (50, 99))
    use = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"  {len(waits) / took:7.0f} writes/s   wait ms: p50 {p50:.1f}  p99 {p99:.1f}"
        f"  max {waits[-1] * 1e3:.0f}   cpu µs/write: {(use.ru_utime + use.ru_stime) / len(waits) * 1e6:.0f}   {use.ru_maxrss // 1024} MB",
        flush=True,
    )


def main() -> None:
    """Set up accounts, fork the processes, print the total."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--greenlets", type=int, default=20)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--accounts", type=int, default=10)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--switch", type=float, default=sys.getswitchinterval(), help="sys.setswitchinterval, seconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        arguments.url = arguments.url or f"sqlite:///{Path(directory, 'bench.db')}"
        migrate(arguments.url)
        if (setup := os.fork()) == 0:
            db = connect(arguments.url)
            for number in range(arguments.accounts):
                if Accounts(db).get(f"bench{number}") is None:
                    Accounts(db).add(f"bench{number}")
            db.close()
            os._exit(0)
        os.waitpid(setup, 0)
        start = time.perf_counter()
        children = [pid for _ in range(arguments.processes) if (pid := child(arguments)) != 0]
        for pid in children:
            os.waitpid(pid, 0)
        print(f"  {arguments.messages / (time.perf_counter() - start):7.0f} writes/s in all")


def child(arguments: argparse.Namespace) -> int:
    """Fork one process that works and exits; its id."""
    if (pid := os.fork()) == 0:
        try:
            db = connect(arguments.url)
            accounts = [account.id for account in Accounts(db).list() if account.name.startswith("bench")]
            db.close()
            worker(arguments, accounts)
        finally:
            sys.stdout.flush()
            os._exit(0)
    return pid


if __name__ == "__main__":
    main()
