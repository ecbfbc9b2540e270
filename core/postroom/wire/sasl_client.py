"""Client side of SASL: PLAIN, LOGIN, CRAM-MD5, SCRAM, XOAUTH2 and OAUTHBEARER, and the choice among those a server offers.

A mechanism is pure: ``initial()`` is its initial response (None: the server begins), ``step(challenge)`` answers a challenge,
``finish()`` is called when the server says success. Base64 and the protocol around it are the caller's. A fault of the server's
raises SaslFault; the caller cancels with ``*`` and does not believe the server.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from . import scram
from .saslprep import saslprep
from .scram import Garbled

MAX_ERROR = 500  # characters quoted of a server's error


class SaslFault(Exception):
    """The server does not follow the mechanism, or could not prove that it knows the password."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at the other server. With a ``token`` only the OAuth mechanisms are used, else ``password``."""

    username: str
    password: str = ""
    token: str = ""  # OAuth 2 access token
    host: str = ""  # the server's name and port, as OAUTHBEARER tells them
    port: int = 0
    binding: tuple[str, bytes] | None = None  # type and data of this connection's channel binding, for -PLUS
    nonce: Callable[[], str] = lambda: secrets.token_urlsafe(18)


class Mechanism(Protocol):
    """One authentication dialogue, client side."""

    error: str  # what the server said in an error challenge, "" when it said nothing

    def initial(self) -> bytes | None:
        """The initial response; None when the server has to begin."""

    def step(self, challenge: bytes) -> bytes:
        """The answer to a challenge. Raises SaslFault."""

    def finish(self) -> None:
        """The server says success. Raises SaslFault when it has not earned it."""


class Plain:
    """PLAIN (RFC 4616). Only for connections that nobody else can read."""

    def __init__(self, login: Login) -> None:
        self.error = ""
        self._response = f"\0{login.username}\0{login.password}".encode()
        self._asked = False

    def initial(self) -> bytes | None:
        """Everything at once."""
        return self._response

    def step(self, challenge: bytes) -> bytes:
        """The same, for a server that begins with an empty challenge."""
        if challenge or self._asked:
            raise SaslFault("the server sent a challenge where PLAIN has none")
        self._asked = True
        return self._response

    def finish(self) -> None:
        """Nothing to prove."""


class AskedLogin:
    """LOGIN: two questions whose words differ between servers, so only their order counts."""

    def __init__(self, login: Login) -> None:
        self.error = ""
        self._answers = [login.password.encode(), login.username.encode()]

    def initial(self) -> bytes | None:
        """The server begins."""
        return None

    def step(self, challenge: bytes) -> bytes:
        """Name, then password."""
        if not self._answers:
            raise SaslFault("the server asked a third question in LOGIN")
        return self._answers.pop()

    def finish(self) -> None:
        """Nothing to prove."""


class CramMd5:
    """CRAM-MD5 (RFC 2195)."""

    def __init__(self, login: Login) -> None:
        self.error = ""
        self._login: Login | None = login

    def initial(self) -> bytes | None:
        """The server begins."""
        return None

    def step(self, challenge: bytes) -> bytes:
        """Name and digest."""
        login, self._login = self._login, None
        if login is None:
            raise SaslFault("the server sent a second challenge in CRAM-MD5")
        digest = hmac.new(login.password.encode(), challenge, "md5").hexdigest()
        return f"{login.username} {digest}".encode()

    def finish(self) -> None:
        """Nothing to prove."""


class Scram:
    """SCRAM (RFC 5802, RFC 7677), with channel binding when ``plus``; the server proves itself before we believe its success."""

    def __init__(self, login: Login, hash_name: str, *, plus: bool) -> None:
        self.error = ""
        self._login, self._hash, self._nonce = login, hash_name, login.nonce()
        binding = login.binding
        # "y": we could bind and the server did not offer it; a server that did offer it then knows of the tampering
        self._gs2 = f"p={binding[0]},," if plus and binding else "y,," if binding else "n,,"
        self._bound = self._gs2.encode() + (binding[1] if plus and binding else b"")
        try:
            name = saslprep(login.username)
        except ValueError:
            name = login.username
        self._bare = f"n={scram.escape_name(name)},r={self._nonce}"
        self._next: Callable[[bytes], bytes] = self._answer
        self._server_signature = b""
        self._proved = False
        self._asked = False

    def initial(self) -> bytes | None:
        """The client-first message."""
        return f"{self._gs2}{self._bare}".encode()

    def step(self, challenge: bytes) -> bytes:
        """Client-final, then the empty answer to the server's proof. Derives a key: some 15 ms of work for 50,000 iterations."""
        current, self._next = self._next, self._unexpected
        try:
            return current(challenge)
        except (Garbled, ValueError) as error:
            raise SaslFault(f"the server's SCRAM message cannot be understood: {error}") from None

    def finish(self) -> None:
        """Success counts only after the server's proof (RFC 5802 section 5, attribute v)."""
        if not self._proved:
            raise SaslFault("the server claims success without having proved that it knows the password")

    def _answer(self, challenge: bytes) -> bytes:
        if not challenge and not self._asked:  # the server ignores the initial response and asks for it
            self._next, self._asked = self._answer, True
            return self.initial() or b""
        text = scram.printable(challenge)
        found = scram.attributes(text)
        if list(found)[:3] != ["r", "s", "i"] or not scram.check_nonce(found["r"]).startswith(self._nonce) or found["r"] == self._nonce:
            raise Garbled("server-first")
        iterations = self._checked_iterations(found["i"])
        salted = scram.salted_password(self._login.password, scram.unbase64(found["s"]), iterations, self._hash)
        without_proof = f"c={b64encode(self._bound).decode()},r={found['r']}"
        signed = f"{self._bare},{text},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(scram.digest(client_key, self._hash), signed, self._hash)
        self._server_signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), signed, self._hash)
        self._next = self._check_server
        return f"{without_proof},p={b64encode(scram.xor(client_key, signature)).decode()}".encode()

    def _checked_iterations(self, text: str) -> int:
        iterations = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not scram.MIN_ITERATIONS <= iterations <= scram.MAX_ITERATIONS:
            raise Garbled(f"iteration count {text[:20]!r}, {scram.MIN_ITERATIONS} to {scram.MAX_ITERATIONS} are taken")
        return iterations

    def _check_server(self, challenge: bytes) -> bytes:
        found = scram.attributes(scram.printable(challenge))
        if "e" in found:
            self.error = found["e"][:MAX_ERROR]
            return b""
        if not hmac.compare_digest(scram.unbase64(found.get("v", "")), self._server_signature):
            raise SaslFault("the server could not prove that it knows the password: it is not the server that we have an account at")
        self._proved = True
        return b""

    def _unexpected(self, challenge: bytes) -> bytes:
        raise SaslFault("the server sent a challenge after the end of SCRAM")


class OAuth:
    """XOAUTH2 and OAUTHBEARER (RFC 7628): one message with the token; a failure comes as a challenge in JSON that wants an answer."""

    def __init__(self, message: bytes, answer_to_error: bytes) -> None:
        self.error = ""
        self._message, self._answer_to_error = message, answer_to_error
        self._asked = False

    def initial(self) -> bytes | None:
        """Everything at once."""
        return self._message

    def step(self, challenge: bytes) -> bytes:
        """The message for a server that begins; else keep the error and answer so that the server ends with its failure reply."""
        if not (challenge or self.error or self._asked):
            self._asked = True
            return self._message
        if self.error:
            raise SaslFault("the server went on after its error challenge")
        self.error = error_text(challenge)
        return self._answer_to_error

    def finish(self) -> None:
        """An error challenge and success exclude each other."""
        if self.error:
            raise SaslFault(f"the server claims success after an error: {self.error}")


def error_text(challenge: bytes) -> str:
    """The words of an error challenge: its ``status`` and ``scope`` when it is JSON, else the text; never empty."""
    text = challenge[:4096].decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict):
        text = " ".join(f"{key}={parsed[key]}" for key in ("status", "error", "error_description", "scope") if key in parsed) or text
    return "".join(character if character.isprintable() else " " for character in text)[:MAX_ERROR] or "error without words"


def xoauth2(login: Login) -> OAuth:
    """XOAUTH2, as Google and Microsoft document it; the error challenge is answered with an empty line."""
    return OAuth(f"user={login.username}\x01auth=Bearer {login.token}\x01\x01".encode(), b"")


def oauthbearer(login: Login) -> OAuth:
    """OAUTHBEARER (RFC 7628 section 3.1); the error challenge is answered with one ^A (section 3.2.3)."""
    where = f"host={login.host}\x01port={login.port}\x01" if login.host and login.port else ""
    message = f"n,a={scram.escape_name(login.username)},\x01{where}auth=Bearer {login.token}\x01\x01"
    return OAuth(message.encode(), b"\x01")


WITH_TOKEN: dict[str, Callable[[Login], Mechanism]] = {"OAUTHBEARER": oauthbearer, "XOAUTH2": xoauth2}
CHALLENGED: dict[str, Callable[[Login], Mechanism]] = {  # the password itself is not sent
    "SCRAM-SHA-256-PLUS": lambda login: Scram(login, "sha256", plus=True),
    "SCRAM-SHA-1-PLUS": lambda login: Scram(login, "sha1", plus=True),
    "SCRAM-SHA-256": lambda login: Scram(login, "sha256", plus=False),
    "SCRAM-SHA-1": lambda login: Scram(login, "sha1", plus=False),
}
IN_CLEAR: dict[str, Callable[[Login], Mechanism]] = {"PLAIN": Plain, "LOGIN": AskedLogin}
OLD: dict[str, Callable[[Login], Mechanism]] = {"CRAM-MD5": CramMd5}  # after PLAIN under TLS: many servers offer it without being able to


def candidates(offered: Iterable[str], login: Login, *, encrypted: bool) -> dict[str, Callable[[], Mechanism]]:
    """The mechanisms to try, best first, of those a server offers, each ready to be begun; {} when none will do.

    ``encrypted``: the connection is private, so passwords and tokens may be sent as they are.
    """
    names = {name.upper() for name in offered}
    if login.token:
        known = WITH_TOKEN if encrypted else {}
    else:
        known = {**CHALLENGED, **IN_CLEAR, **OLD} if encrypted else {**CHALLENGED, **OLD}
    # To a server that offers -PLUS our "y" would mean that someone cut it from the list. When its kind of channel binding
    # is not ours and we come back without -PLUS, we are a client that cannot bind ("n").
    unbound = replace(login, binding=None) if any(name.endswith("-PLUS") for name in names) else login
    usable = [name for name in known if name in names and (login.binding or not name.endswith("-PLUS"))]
    return {name: partial(known[name], login if name.endswith("-PLUS") else unbound) for name in usable}
