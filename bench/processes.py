"""What a server's processes use: memory and CPU time, the first process and all that come from it."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

PATIENCE = 120.0  # seconds until a server must have come to rest
PERIOD = 0.5  # seconds that are looked at
AT_REST = 0.03  # of one CPU


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    with contextlib.suppress(OSError):  # it has just ended
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def memory(pid: int) -> int:
    """Bytes of memory that belong to this process alone or in its part (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in smaps_rollup")


def tree_memory(pid: int) -> int:
    """The same for all processes of a server."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            total += memory(each)
    return total


def cpu_seconds(pid: int) -> float:
    """CPU time that the living processes of a server have used."""
    ticks = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def quiet(pid: int, periods: int = 3) -> None:
    """Wait until a server does nothing for so many periods. Raises RuntimeError when it goes on and on."""
    deadline, calm, before = time.monotonic() + PATIENCE, 0, cpu_seconds(pid)
    while calm < periods:
        if time.monotonic() > deadline:
            raise RuntimeError("the server does not come to rest")
        time.sleep(PERIOD)
        now = cpu_seconds(pid)
        calm = calm + 1 if abs(now - before) <= AT_REST * PERIOD else 0
        before = now
