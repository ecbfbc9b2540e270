"""Servers as rules name them, with the login in the same word: ``[user:password@]host[:port]``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config.addresses import parse_server

WANTED = "a server is expected as [user:password@]host[:port], such as smtp.isp.test:587 or fred:secret@[2001:db8::1]:587"
NO_PORT = 0


@dataclass(frozen=True, slots=True)
class LoginServer:
    """A server, and how to log in there. Its ``repr`` and ``masked`` hide the password."""

    host: str
    port: int | None = None  # None: the usual one
    username: str = ""  # "": no login
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """``host[:port]``, without the login."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def masked(self) -> str:
        """The server for people: ``fred:***@192.168.1.1:587``."""
        return f"{self.username}:***@{self.place}" if self.username else self.place

    @property
    def text(self) -> str:
        """The server as it is written in a rule, with the password; ``parse_login_server`` reads it again."""
        return f"{self.username}:{self.password}@{self.place}" if self.username else self.place

    def __str__(self) -> str:
        return self.masked


def parse_login_server(text: str) -> LoginServer:
    """The parts of ``[user:password@]host[:port]``. The last @ ends the password, the first colon begins it. Raises ValueError."""
    login, at, place = text.strip().rpartition("@")
    try:
        host, port = parse_server(place, NO_PORT)
    except ValueError as error:
        raise ValueError(str(error) if "port" in str(error) and "host" not in str(error) else WANTED) from None
    username, colon, password = login.partition(":")
    if at and not (username and colon and password and login.isprintable()):
        raise ValueError("a user, a colon and a password are expected before the @ of a server")
    return LoginServer(host.lower().rstrip("."), port or None, username, password)
