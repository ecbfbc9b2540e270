"""Foreign programs as peers, and the messages that travel."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
SECONDS = 30.0

BODIES = {
    "dots": b".\r\n..\r\n.one\r\n...\r\n\r\n.\r\n",
    "long lines": b"x" * 990 + b"\r\n" + b"y" * 990 + b"\r\n",
    "8 bit": "Grüße aus Köln – 你好\r\n".encode(),
    "latin 1": b"Gr\xfc\xdfe \xa9\r\n",
    "empty": b"",
    "no header": b"\r\n\r\n\r\n",
}


def need(program: str) -> None:
    """Skip the test where ``program`` is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def run(program: str, *arguments: object, feed: bytes = b"", home: Path | None = None, exits: tuple[int, ...] = (0,)) -> str:
    """Run a foreign program, skipping the test where it is missing; what it printed. It must leave with one of ``exits``."""
    need(program)
    environment: Mapping[str, str] = {**os.environ, "HOME": str(home or "/nonexistent"), "LC_ALL": "C.UTF-8"}
    done = subprocess.run([program, *map(str, arguments)], input=feed, capture_output=True, timeout=60, env=environment)
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode in exits, f"{program}: exit {done.returncode}\n{output}"
    return output


def message(body: bytes = b"Hello\r\n", *, sender: str = "anna@client.example", to: str = "bob@example.test", subject: str = "") -> bytes:
    """A message with a subject of its own."""
    head = (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject or uuid.uuid4().hex}\r\n"
        f"Date: Tue, 1 Sep 2026 10:00:00 +0000\r\nMessage-ID: <{uuid.uuid4()}@x>\r\n"
    )
    return head.encode() + b"\r\n" + body


def subject(mail: bytes) -> bytes:
    """The subject line, by which a message is found again."""
    return next(line for line in mail.split(b"\r\n") if line.startswith(b"Subject: "))


def wait_until(look: Callable[[], T | None], what: Callable[[], str] = lambda: "it did not happen") -> T:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)
    return found


def with_lf(mail: bytes) -> bytes:
    """As programs keep mail in files."""
    return mail.replace(b"\r\n", b"\n")
