"""SCRAM (RFC 5802, RFC 7677): what both sides compute and parse, and the server's exchange with channel binding.

How it works: the client names itself and its nonce ("client-first"); the server answers with the salt and iterations of that
user ("server-first"); the client proves that it can derive the key ("client-final"); the server proves the same about itself
("server-final"). Both proofs are signatures over all messages, so nothing can be changed on the way. The GS2 header in front
of the first message says about channel binding: ``n`` the client cannot, ``y`` it can but thinks that we cannot (if we offered
it, someone cut it from our list), ``p=TYPE`` it does.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .sasl import MAX_NAME, WRONG, Challenge, Denied, Done, Step, malformed
from .saslprep import prepared_password

MAX_MESSAGE = 4096  # bytes; real messages are below 300
MAX_NONCE = 256  # characters; real nonces are below 64
MIN_ITERATIONS = 4096  # RFC 7677 section 4
MAX_ITERATIONS = 1_000_000  # a server may not keep our client busy for more than about a second


class Garbled(ValueError):
    """The peer's message does not follow RFC 5802 section 7."""


@dataclass(frozen=True, slots=True)
class ScramSecret:
    """What a server keeps of a password: enough to check a proof, not enough to make one."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


Bindings = Mapping[str, bytes]  # the channel bindings of a connection: type -> data, empty without TLS
FindScram = Callable[[str], ScramSecret | Denied]  # login name -> secret; a made-up one for unknown names


def salted_password(password: str, salt: bytes, iterations: int, hash_name: str = "sha256") -> bytes:
    """RFC 5802 section 3, ``Hi``: the slow step. Takes about 15 ms for 50,000 iterations."""
    return hashlib.pbkdf2_hmac(hash_name, prepared_password(password).encode("utf-8"), salt, iterations)


def derive(password: str, salt: bytes, iterations: int, hash_name: str = "sha256") -> ScramSecret:
    """The secret to store for ``password``."""
    salted = salted_password(password, salt, iterations, hash_name)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    return ScramSecret(iterations, salt, digest(client_key, hash_name), hmac.digest(salted, b"Server Key", hash_name))


def digest(data: bytes, hash_name: str) -> bytes:
    """``H`` of RFC 5802: the plain hash."""
    return hashlib.new(hash_name, data).digest()


def xor(left: bytes, right: bytes) -> bytes:
    """Bytewise exclusive or of two strings of equal length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def attributes(text: str) -> dict[str, str]:
    """``r=…,s=…,i=…`` as a dictionary in the order given. Raises Garbled; a mandatory extension (``m=``) is one we lack."""
    found: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if len(key) != 1 or not key.isalpha() or not equals or key in found:
            raise Garbled("attribute")
        found[key] = value
    if "m" in found:
        raise Garbled("mandatory extension")
    return found


def printable(data: bytes) -> str:
    """A whole message as text. Raises Garbled when it is too long or not UTF-8."""
    if len(data) > MAX_MESSAGE:
        raise Garbled("message too long")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Garbled("not UTF-8") from None


def unbase64(text: str) -> bytes:
    """Strict base64. Raises Garbled."""
    try:
        return b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Garbled("base64") from None


def escape_name(name: str) -> str:
    """A name as ``saslname``: the comma and the equals sign are written in hex (RFC 5802 section 5.1)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape_name(text: str) -> str:
    """The name in a ``saslname``. Raises Garbled for any other use of the equals sign, as the RFC demands."""
    name = text.replace("=2C", ",").replace("=3D", "=")
    if not name or "\0" in name or len(name) > MAX_NAME or text.count("=") != text.count("=2C") + text.count("=3D"):
        raise Garbled("name")
    return name


def check_nonce(text: str) -> str:
    """The nonce if it is one: printable ASCII without comma. Raises Garbled."""
    if not 0 < len(text) <= MAX_NONCE or not text.isascii() or any(not "!" <= character <= "~" for character in text):
        raise Garbled("nonce")
    return text


class ClientFirst(NamedTuple):
    """The parsed first message of a client."""

    gs2_header: str  # with its trailing comma, as sent
    flag: str  # "n", "y" or the name of a channel binding
    name: str
    nonce: str
    bare: str  # the message without the GS2 header


def parse_client_first(data: bytes) -> ClientFirst:
    """RFC 5802 section 7 ``client-first-message``. Raises Garbled."""
    parts = printable(data).split(",", 2)
    if len(parts) != 3:
        raise Garbled("GS2 header")
    flag, authzid, bare = parts
    if flag[:2] == "p=" and flag[2:]:
        flag = flag[2:]
    elif flag not in ("n", "y"):
        raise Garbled("channel binding flag")
    found = attributes(bare)
    if list(found)[:2] != ["n", "r"]:
        raise Garbled("client-first")
    name = unescape_name(found["n"])
    if authzid and authzid != f"a={found['n']}":  # nobody may act for another
        raise Garbled("authorization identity differs")
    return ClientFirst(f"{parts[0]},{authzid},", flag, name, check_nonce(found["r"]), bare)


class ScramServer:
    """The server's side. ``bindings``: those of this connection; ``plus``: the mechanism is -PLUS."""

    def __init__(self, find: FindScram, nonce: str, bindings: Bindings, *, plus: bool, hash_name: str = "sha256") -> None:
        self._find, self._nonce, self._bindings, self._plus, self._hash = find, nonce, bindings, plus, hash_name
        self._next: Callable[[bytes | None], Step] = self._begin
        self._proof_input = ""
        self._expected_binding = b""

    def step(self, response: bytes | None) -> Step:
        """Client-first, client-final, then the empty answer to the server's own proof."""
        current, self._next = self._next, self._over
        try:
            return current(response)
        except Garbled as error:
            return malformed(f"SCRAM {error}")

    def _begin(self, response: bytes | None) -> Step:
        if response is None:
            self._next = self._first
            return Challenge(b"")
        return self._first(response)

    def _first(self, response: bytes | None) -> Step:
        first = parse_client_first(response or b"")
        refusal = self._refusal_of(first.flag)
        if refusal:
            return Denied(WRONG, refusal)
        secret = self._find(first.name)
        if isinstance(secret, Denied):
            return secret
        self._name, self._secret, self._combined = first.name, secret, first.nonce + self._nonce
        self._expected_binding = first.gs2_header.encode() + (self._bindings[first.flag] if self._plus else b"")
        answer = f"r={self._combined},s={b64encode(secret.salt).decode()},i={secret.iterations}"
        self._proof_input = f"{first.bare},{answer}"
        self._next = self._final
        return Challenge(answer.encode())

    def _refusal_of(self, flag: str) -> str:
        """RFC 5802 section 6: why this use of channel binding cannot be; "" when it can."""
        if self._plus:
            return "" if flag in self._bindings else "channel binding of another type, or none"
        if flag == "y" and self._bindings:
            return "downgrade: the client did not see that we offer channel binding"
        return "" if flag in ("n", "y") else "channel binding without -PLUS"

    def _final(self, response: bytes | None) -> Step:
        text = printable(response or b"")
        without_proof, _, proof_text = text.rpartition(",p=")
        found = attributes(without_proof)
        if list(found)[:2] != ["c", "r"]:
            raise Garbled("client-final")
        proof = unbase64(proof_text)
        if unbase64(found["c"]) != self._expected_binding:
            return Denied(WRONG, "channel binding differs")
        if found["r"] != self._combined:
            return Denied(WRONG, "nonce differs")
        signed = f"{self._proof_input},{without_proof}".encode()
        if not self._proves(proof, signed):
            return Denied(WRONG, "proof differs")
        self._next = self._acknowledged
        return Challenge(b"v=" + b64encode(hmac.digest(self._secret.server_key, signed, self._hash)))

    def _proves(self, proof: bytes, signed: bytes) -> bool:
        signature = hmac.digest(self._secret.stored_key, signed, self._hash)
        if len(proof) != len(signature):
            return False
        client_key = xor(proof, signature)
        return hmac.compare_digest(digest(client_key, self._hash), self._secret.stored_key)

    def _acknowledged(self, response: bytes | None) -> Step:
        return malformed("SCRAM wants an empty answer") if response else Done(self._name)

    def _over(self, response: bytes | None) -> Step:
        return malformed("SCRAM is over")
