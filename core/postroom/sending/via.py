"""The server that a route names for one recipient, as the queue keeps it: its password is locked, and a return path may go with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote, unquote

from ..config.places import WrongText
from .servers import LoginServer, parse_login_server
from .targets import LOCKED, is_target, locked_part, parse_target

REMEMBERED = 1000  # servers; forgetting all when full is simpler than a queue


class Vault(Protocol):
    """Encrypts passwords; ``postroom.credentials.Vault``."""

    def lock_alike(self, secret: str, place: str) -> str:
        """The secret in base64, the same each time. Raises OSError."""

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
        path = path_in(text)
        return cls(parse_login_server(text if path is None else text.partition(">")[2]), path)

    @property
    def text(self) -> str:
        """As the queue keeps it."""
        path = "" if self.return_path is None else f"<{quote(self.return_path, safe='@')}>"
        return path + self.server.text

    def __str__(self) -> str:
        return self.server.masked


def path_in(text: str) -> str | None:
    """The return path that ``ToQueue.via`` says, None when it says none."""
    return unquote(text[1:].partition(">")[0]) if text.startswith("<") else None


def shown(text: str) -> str:
    """The server of ``ToQueue.via`` for people, "" when there is none."""
    try:
        return str(Via.parse(text)) if text else ""
    except ValueError:
        return "a server that cannot be read"


class Locker:
    """Locks the passwords of servers, for the queue and for the tables. The same server gives the same text: equal targets stay equal."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._locked: dict[LoginServer, str] = {}

    def lock(self, server: LoginServer, return_path: str | None = None) -> str:
        """The text for ``ToQueue.via``. Raises OSError or UnreadableSecret when there is no key."""
        if not server.username:
            return Via(server, return_path).text
        return Via(replace(server, password=locked_part(server.password) or self._lock(server)), return_path).text

    def keep(self, target: str) -> str:
        """A target of any kind as the tables keep it, SMTP:… with its password locked. Raises OSError or UnreadableSecret without a key."""
        try:
            found = parse_target(target) if is_target(target) else None
        except WrongText:
            found = None
        if found is None or not found.server.username or locked_part(found.server.password):
            return target
        return replace(found, server=replace(found.server, password=LOCKED + self._lock(found.server))).text

    def _lock(self, server: LoginServer) -> str:
        if server not in self._locked:
            if len(self._locked) >= REMEMBERED:
                self._locked.clear()
            self._locked[server] = self._vault.lock_alike(server.password, f"{server.username}@{server.place}")
        return self._locked[server]

    def unlock(self, text: str) -> Via:
        """What ``text`` says, with the password readable. Raises ValueError or UnreadableSecret."""
        via = Via.parse(text)
        if not via.server.username:
            return via
        return replace(via, server=replace(via.server, password=self._vault.unlock(via.server.password)))
