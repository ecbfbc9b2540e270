"""Server side of the simple SASL mechanisms: PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195); SCRAM is in ``scram.py``.

An exchange is pure: bytes in, a value out, base64 and the cancelling ``*`` are the protocol's. ``step(None)`` means "the client
sent no initial response", ``step(b"")`` an empty one. Whatever the client sends, an exchange answers; only the callable
that looks a user up may raise (the store may be away).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..mail.reply import Reply

MAX_NAME = 320  # characters: the longest address (RFC 5321 4.5.3.1), far above any account name
MAX_PASSWORD = 1024  # bytes: argon2 would hash megabytes too, and strangers would send them

WRONG = Reply(535, "5.7.8", "Authentication credentials invalid")  # RFC 4954 section 6
MALFORMED = Reply(501, "5.5.2", "Cannot decode the authentication response")


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this and step again with the client's answer."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """The client is who it says; ``name`` is the account's name (the login name as given, for an exchange used alone)."""

    name: str


@dataclass(frozen=True, slots=True)
class Denied:
    """The login fails. Counts as false: code that takes any answer for a success is wrong on the safe side."""

    reply: Reply = WRONG  # in SMTP's words; other protocols look at ``temporary`` and the text
    reason: str = ""  # for the log, never sent
    disconnect: bool = False  # a hook wants the connection closed after the reply

    @property
    def temporary(self) -> bool:
        """True when nothing is known about the credentials: the client may try the same again."""
        return self.reply.temporary

    def __bool__(self) -> bool:
        return False


Step = Challenge | Done | Denied
CheckPassword = Callable[[str, str], Done | Denied]  # (login name, password) -> the end of the exchange
FindSecret = Callable[[str], bytes | Denied]  # login name -> the secret in clear; a random one for unknown names


class Exchange(Protocol):
    """One authentication dialogue, server side."""

    def step(self, response: bytes | None) -> Step:
        """What to do after the client's ``response``; None: it has sent nothing yet."""


def malformed(reason: str) -> Denied:
    """The answer to bytes that no client of this mechanism sends."""
    return Denied(MALFORMED, reason)


def decode_name(data: bytes) -> str | None:
    """A login name from UTF-8, or None when it cannot be one."""
    try:
        name = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return name if name and len(name) <= MAX_NAME and "\0" not in name else None


def decode_password(data: bytes) -> str | None:
    """A password from UTF-8, or None when it cannot be one."""
    if not 0 < len(data) <= MAX_PASSWORD or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


class Plain:
    """PLAIN (RFC 4616): authorization identity, name and password in one response."""

    def __init__(self, check: CheckPassword) -> None:
        self._check = check
        self._asked = False

    def step(self, response: bytes | None) -> Step:
        """Ask once, then check."""
        if response is None and not self._asked:
            self._asked = True
            return Challenge(b"")
        parts = (response or b"").split(b"\0")
        if len(parts) != 3:
            return malformed("PLAIN wants three fields")
        name, password = decode_name(parts[1]), decode_password(parts[2])
        if name is None or password is None:
            return malformed("PLAIN name or password")
        if parts[0] and decode_name(parts[0]) != name:  # nobody may act for another
            return Denied(WRONG, "authorization identity differs")
        return self._check(name, password)


class Login:
    """LOGIN, never standardised: the name is asked for, then the password. A name may come as the initial response."""

    def __init__(self, check: CheckPassword) -> None:
        self._check = check
        self._asked = False
        self._name: bytes | None = None

    def step(self, response: bytes | None) -> Step:
        """Name, then password, then the check."""
        if response is None:
            if self._asked:
                return malformed("LOGIN without an answer")
            self._asked = True
            return Challenge(b"Username:")
        if self._name is None:
            self._name, self._asked = response, True
            return Challenge(b"Password:")
        name, password = decode_name(self._name), decode_password(response)
        if name is None or password is None:
            return malformed("LOGIN name or password")
        return self._check(name, password)


class CramMd5:
    """CRAM-MD5 (RFC 2195): the client proves to know a secret that the server holds in clear."""

    def __init__(self, find: FindSecret, challenge: str) -> None:
        self._find = find
        self._challenge = challenge.encode("ascii", "replace")
        self._asked = False

    def step(self, response: bytes | None) -> Step:
        """Send the challenge, then check the digest."""
        if not self._asked:
            self._asked = True
            # RFC 4954 section 4: an initial response to a mechanism in which the server begins is an error
            return Challenge(self._challenge) if response is None else malformed("CRAM-MD5 takes no initial response")
        given, _, digest = (response or b"").rpartition(b" ")
        name = decode_name(given)
        if name is None or len(digest) != 32:
            return malformed("CRAM-MD5 wants a name and a digest")
        secret = self._find(name)
        if isinstance(secret, Denied):
            return secret
        right = hmac.new(secret, self._challenge, "md5").hexdigest().encode()
        return Done(name) if hmac.compare_digest(right, digest.lower()) else Denied(WRONG, "digest differs")
