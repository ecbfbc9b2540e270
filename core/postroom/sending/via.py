"""The server that a route names for one recipient, as the queue keeps it: its password is locked, and a return path may go with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, unquote

from .servers import LoginServer, parse_login_server

REMEMBERED = 1000  # servers; forgetting all when full is simpler than a queue


class Vault(Protocol):
    """Encrypts passwords; ``postroom.credentials.Vault``."""

    def lock(self, secret: str) -> str:
        """The secret in base64. Raises OSError."""

    def unlock(self, text: str) -> str:
        """The secret again. Raises UnreadableSecret."""


@dataclass(frozen=True, slots=True)
class Via:
    """What ``ToQueue.via`` says: ``[<return path>][user:locked password@]server[:port]``. ``str`` is for people."""

    server: LoginServer  # its password is locked
    return_path: str | None = None  # None: that of the message

    @classmethod
    def parse(cls, text: str) -> Via:
        """The parts of what ``text`` gave. Raises ValueError."""
        if not text.startswith("<"):
            return cls(parse_login_server(text))
        path, _, server = text[1:].partition(">")
        return cls(parse_login_server(server), unquote(path))

    @property
    def text(self) -> str:
        """As the queue keeps it."""
        path = "" if self.return_path is None else f"<{quote(self.return_path, safe='@')}>"
        return path + self.server.text

    def __str__(self) -> str:
        return self.server.masked


def shown(text: str) -> str:
    """The server of ``ToQueue.via`` for people, "" when there is none."""
    try:
        return str(Via.parse(text)) if text else ""
    except ValueError:
        return "a server that cannot be read"


class Locker:
    """Locks the passwords of servers for the queue. The same server gives the same text, so that equal targets stay equal."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._locked: dict[LoginServer, str] = {}

    def lock(self, server: LoginServer, return_path: str | None = None) -> str:
        """The text for ``ToQueue.via``. Raises OSError or UnreadableSecret when there is no key."""
        if not server.username:
            return Via(server, return_path).text
        if server not in self._locked:
            if len(self._locked) >= REMEMBERED:
                self._locked.clear()
            self._locked[server] = self._vault.lock(server.password)
        return Via(replace(server, password=self._locked[server]), return_path).text

    def unlock(self, text: str) -> Via:
        """What ``text`` says, with the password readable. Raises ValueError or UnreadableSecret."""
        via = Via.parse(text)
        if not via.server.username:
            return via
        return replace(via, server=replace(via.server, password=self._vault.unlock(via.server.password)))
