"""Small facts for the other workers: over Unix datagram sockets in the run directory of this machine.

News may get lost (a full socket buffer, a worker that is just starting): whoever depends on them also looks by itself,
more slowly. Facts published within a few milliseconds travel together, so a busy server sends few datagrams.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import log as logs

Fact = dict[str, Any]
LARGEST = 32 * 1024  # bytes in one datagram
LOOK_SECONDS = 0.5  # how long the list of the others is believed
LONGEST_PATH = 107  # bytes of sun_path, unix(7)
PREFIX, SUFFIX = "news-", ".sock"


class News:
    """Publishes to all listening workers of this machine. ``later`` (seconds, function) batches; without it facts go out at once."""

    def __init__(self, run_dir: Path, later: Callable[[float, Callable[[], None]], object] | None = None) -> None:
        self.run_dir, self.later = run_dir, later
        self.relays: list[Callable[[list[Fact]], None]] = []  # ways to other nodes
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._receiver: socket.socket | None = None
        self._path: Path | None = None
        self._folder: int | None = None
        self._waiting: list[Fact] = []
        self._known: list[str] = []  # sockets of the others
        self._looked = -LOOK_SECONDS
        self._subscribers: dict[str, list[Callable[[Fact], object]]] = {}

    def subscribe(self, topic: str, function: Callable[[Fact], object]) -> None:
        """Call ``function(facts)`` for each fact published under ``topic``, here or elsewhere."""
        self._subscribers.setdefault(topic, []).append(function)

    def publish(self, topic: str, **facts: Any) -> None:
        """Tell all workers, this one included. Never fails and never waits."""
        fact = {"topic": topic, **facts}
        self._hand_out(fact)
        self._waiting.append(fact)
        if self.later is None:
            self.flush()
        elif len(self._waiting) == 1:
            self.later(0.005, self.flush)

    def flush(self) -> None:
        """Send what is waiting to the other processes."""
        facts, self._waiting = self._waiting, []
        distinct = list({json.dumps(fact, sort_keys=True): fact for fact in facts}.values())
        for relay in self.relays:
            relay(distinct)
        self._send(distinct)

    def listen(self) -> socket.socket:
        """Open this process's own socket; the caller waits until it is readable and calls ``receive``."""
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._path = self.run_dir / f"{PREFIX}{os.getpid()}{SUFFIX}"
        self._path.unlink(missing_ok=True)
        self._receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.bind(self._reach(self._path.name))
        self._receiver.setblocking(False)
        return self._receiver

    def receive(self) -> None:
        """Hand out all facts that have arrived."""
        assert self._receiver is not None
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                datagram = self._receiver.recv(LARGEST)
                with contextlib.suppress(ValueError):
                    self.deliver(json.loads(datagram))

    def deliver(self, facts: Any) -> None:
        """Hand out facts that came from elsewhere; what is none is left out."""
        for fact in facts if isinstance(facts, list) else ():
            if isinstance(fact, dict) and isinstance(fact.get("topic"), str):
                self._hand_out(fact)

    def close(self) -> None:
        """Stop listening and remove the socket file."""
        if self._receiver is not None and self._path is not None:
            self._receiver.close()
            self._path.unlink(missing_ok=True)
        self._sender.close()
        if self._folder is not None:
            os.close(self._folder)

    def heard(self) -> bool:
        """Whether any other process of this machine listens (or has died without removing its socket)."""
        return bool(self._others())

    def _hand_out(self, fact: Fact) -> None:
        for function in self._subscribers.get(fact["topic"], ()):
            try:
                function(fact)
            except Exception:  # whoever tells has done its work; one who hears must not undo it, nor keep it from the others
                logs.get().exception("news.subscriber_failed", topic=fact["topic"])

    def _send(self, facts: list[Fact]) -> None:
        datagram = json.dumps(facts).encode()
        if len(datagram) > LARGEST:
            half = len(facts) // 2
            if half:
                self._send(facts[:half])
                self._send(facts[half:])
            return
        for path in self._others():
            try:
                self._sender.sendto(datagram, path)
            except (ConnectionRefusedError, FileNotFoundError):
                self._looked = -LOOK_SECONDS
                with contextlib.suppress(OSError):
                    os.unlink(path)  # its process is gone
            except OSError:
                pass  # a full buffer: that worker finds out by itself

    def _reach(self, name: str) -> str:
        """The path of a socket; where it would be longer than a socket's address may be, a short way round to the same place."""
        path = str(self.run_dir / name)
        if len(os.fsencode(path)) <= LONGEST_PATH:
            return path
        if self._folder is None:
            self._folder = os.open(self.run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder}/{name}"

    def _others(self) -> list[str]:
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked, mine = time.monotonic(), self._path.name if self._path else ""
            with contextlib.suppress(OSError):  # no server has run yet, or it is another user's: then nobody listens to us
                names = [name for name in os.listdir(self.run_dir) if name.startswith(PREFIX) and name.endswith(SUFFIX)]
                self._known = [self._reach(name) for name in names if name != mine]
        return self._known
