"""The load that all mail servers get alike: Postfix's smtp-source against them, smtp-sink behind them."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .postfix import free_port

SIZE = 4096  # bytes of a message
PATIENCE = 120.0  # seconds until the last message must have arrived
COUNTERS = re.compile(rb"mesg=(\d+)")


def send(port: int, messages: int, sessions: int, recipient: str = "box@example.test") -> None:
    """Send that many messages, one for each connection, over so many connections at a time. Raises when one is refused."""
    command = ["smtp-source", "-s", str(sessions), "-l", str(SIZE), "-m", str(messages), "-f", "bench@example.org", "-t", recipient]
    done = subprocess.run([*command, f"127.0.0.1:{port}"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or "smtp-source has failed")


def rate(port: int, messages: int, sessions: int, arrived: Callable[[], int], recipient: str = "box@example.test") -> float:
    """Messages per second from the first byte sent to the last message arrived (``arrived`` counts them)."""
    before, start = arrived(), time.perf_counter()
    send(port, messages, sessions, recipient)
    while arrived() - before < messages:
        if time.perf_counter() - start > PATIENCE:
            raise RuntimeError(f"only {arrived() - before} of {messages} messages have arrived")
        time.sleep(0.005)
    return messages / (time.perf_counter() - start)


@dataclass
class CountingSink:
    """A running smtp-sink and how many messages it has taken."""

    port: int
    count: int = 0

    def watch(self, output: object) -> None:
        """Read its counters until it ends."""
        while data := output.read1(65_536):  # type: ignore[attr-defined]
            if found := COUNTERS.findall(data):
                self.count = int(found[-1])


@contextlib.contextmanager
def sink() -> Iterator[CountingSink]:
    """An smtp-sink on a free port."""
    port = free_port()
    process = subprocess.Popen(
        ["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{port}", "1000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    counting = CountingSink(port)
    threading.Thread(target=counting.watch, args=(process.stdout,), daemon=True).start()
    try:
        time.sleep(0.3)
        yield counting
    finally:
        process.terminate()
        process.wait()
