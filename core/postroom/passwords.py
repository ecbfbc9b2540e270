"""Checks passwords against argon2id hashes: a few at a time, not too many waiting, and not the same one twice a minute."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .credentials import decoy_hash, password_matches
from .wire.saslprep import prepared_password

AT_ONCE = 4  # hashes computed at the same time in one worker: 19 MiB each, and the thread pool has other users
WAITING = 64  # logins that may stand in the queue: about a second's work for two processors
PATIENCE = 15.0  # seconds
REMEMBER = 60.0  # seconds: long enough for a client that polls every few seconds
REMEMBERED = 10_000  # logins; about 1.5 MB


class TooBusy(Exception):
    """More logins are waiting than can be checked in reasonable time; the client may try again."""


class Passwords:
    """The password checks of one worker. ``offload(fn, *args)`` runs in the thread pool; ``clock`` gives monotonic seconds."""

    def __init__(self, offload: Callable[..., Any], clock: Callable[[], float]) -> None:
        self._offload, self._clock = offload, clock
        self._gate = threading.Semaphore(AT_ONCE)
        self._waiting = 0
        self._decoy = decoy_hash()
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()  # digest of a login that was right -> remembered until

    def remembers(self, name: str, password: str, stored: str) -> bool:
        """Whether exactly this was right a moment ago; a new stored hash ends it."""
        until = self._until.get(self._digest(name, password, stored))
        return until is not None and self._clock() < until

    def matches(self, name: str, password: str, stored: str) -> bool:
        """Whether ``password`` belongs to the ``stored`` hash; "" stands for a user who does not exist and costs as much.

        Raises TooBusy.
        """
        right = bool(self.run(password_matches, stored or self._decoy, prepared_password(password))) and bool(stored)
        if right:
            self._remember(self._digest(name, password, stored))
        return right

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do slow work on a password in the thread pool, in its turn. Raises TooBusy."""
        if self._waiting >= WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            if not self._gate.acquire(timeout=PATIENCE):
                raise TooBusy
            try:
                return self._offload(work, *arguments)
            finally:
                self._gate.release()
        finally:
            self._waiting -= 1

    def _remember(self, digest: bytes) -> None:
        self._until[digest] = self._clock() + REMEMBER
        self._until.move_to_end(digest)
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)

    def _digest(self, name: str, password: str, stored: str) -> bytes:
        text = f"{name}\0{stored}\0{password}"  # neither name nor hash holds a NUL
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
