"""How much memory a process holds."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

MB = 1024 * 1024
INTERVAL = 0.02  # seconds between two looks


def private(pid: int) -> int:
    """Bytes of memory that are this process's own: neither shared with its relatives nor pages of mapped files."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Rss"))
    return int(fields["RssAnon"].split()[0]) * 1024


@contextlib.contextmanager
def watched(pid: int) -> Iterator[SimpleNamespace]:
    """The growth of a process's memory while the block runs: ``.most`` at its highest."""
    before = private(pid)
    result, over = SimpleNamespace(most=0), threading.Event()

    def look() -> None:
        while not over.wait(INTERVAL):
            result.most = max(result.most, private(pid) - before)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield result
    finally:
        over.set()
        thread.join()
        result.most = max(result.most, private(pid) - before)
