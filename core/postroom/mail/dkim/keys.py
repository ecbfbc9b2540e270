"""Keys: private ones that sign, and the records in the DNS by which others verify (RFC 6376 section 3.6.1, RFC 8463 section 4)."""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from . import tags

Kind = Literal["rsa", "ed25519"]

SMALLEST_RSA = 1024  # bits; what is below is never valid (RFC 8301 section 3.2)
LARGEST_RSA = 8192  # bits; larger keys cost a verifier too much
MAX_RECORD = 8 * 1024  # characters of a key record
ED25519_BYTES = 32


class KeyUnavailable(Exception):
    """The key record cannot be had just now; another time it may."""


class BadKey(ValueError):
    """Not a key, or not one that may be used; the text says why."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. Its ``repr`` does not show it."""

    kind: Kind
    _key: RSAPrivateKey | Ed25519PrivateKey

    def __repr__(self) -> str:
        """Without the key."""
        return f"PrivateKey({self.kind})"

    @property
    def algorithm(self) -> str:
        """The word in ``a=``."""
        return f"{self.kind}-sha256"

    def sign(self, data: bytes) -> bytes:
        """The signature of canonical bytes. RSA with 2048 bits takes about a millisecond."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(data, PKCS1v15(), SHA256())
        return self._key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3: the hash is what PureEdDSA signs

    def pem(self) -> str:
        """The key in PKCS #8, as ``load_private`` reads it."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    def public(self) -> bytes:
        """The public key as ``p=`` has it before base64: DER for RSA, the 32 bytes for Ed25519 (RFC 8463 section 4.2)."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def generate(kind: Kind, bits: int = 2048) -> PrivateKey:
    """A new key; ``bits`` is for RSA, which takes up to seconds: offload it."""
    if kind == "ed25519":
        return PrivateKey(kind, Ed25519PrivateKey.generate())
    return PrivateKey(kind, generate_private_key(public_exponent=65537, key_size=bits))


def load_private(pem: str) -> PrivateKey:
    """The key of a PEM text without a password. Raises BadKey. A key of our own store is not tested for being well made (50 ms)."""
    try:
        key = load_pem_private_key(pem.encode("ascii"), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("not a private key in PEM form") from None
    if isinstance(key, RSAPrivateKey):
        return PrivateKey("rsa", key)
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey("ed25519", key)
    raise BadKey("neither an RSA nor an Ed25519 key")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a key record in the DNS says."""

    kind: str
    public: bytes  # "" is a key that has been revoked
    hashes: tuple[bytes, ...] = ()  # () is any
    services: tuple[bytes, ...] = (b"*",)
    testing: bool = False  # t=y
    strict: bool = False  # t=s: the domain of i= must be that of d=

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` was made over canonical ``data`` with the private half. Raises BadKey."""
        try:
            if self.kind == "ed25519":
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, hashlib.sha256(data).digest())
            else:
                _rsa(self.public).verify(signature, data, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadKey(str(error) if isinstance(error, BadKey) else "the key cannot be read") from None
        return True


def _rsa(der: bytes) -> RSAPublicKey:
    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        raise BadKey("the key is no RSA key")
    if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
        raise BadKey(f"an RSA key of {key.key_size} bits is not accepted")
    return key


def parse_record(text: str) -> KeyRecord:
    """The key record of a TXT text (its strings joined). Raises BadKey."""
    if len(text) > MAX_RECORD:
        raise BadKey("the key record is too long")
    try:
        found = tags.parse(text.encode("utf-8"))
        public = b"" if b"p" in found and not found[b"p"] else tags.base64(found[b"p"])
    except (tags.BadTags, KeyError, UnicodeEncodeError, binascii.Error):
        raise BadKey("the key record cannot be read") from None
    if found.get(b"v", b"DKIM1") != b"DKIM1" or (b"v" in found and next(iter(found)) != b"v"):  # section 3.6.1: the first tag, if there
        raise BadKey("the key record is not one of DKIM1")
    kind = found.get(b"k", b"rsa").decode("latin-1")
    if kind not in {"rsa", "ed25519"}:
        raise BadKey("the key record has a kind of key that is not known")
    flags = tags.colon_list(found.get(b"t", b""))
    hashes = tags.colon_list(found[b"h"]) if b"h" in found else ()
    return KeyRecord(kind, public, hashes, tags.colon_list(found.get(b"s", b"*")), b"y" in flags, b"s" in flags)


def record_text(key: PrivateKey) -> str:
    """What to publish as TXT record for a key."""
    return f"v=DKIM1; k={key.kind}; h=sha256; p={binascii.b2a_base64(key.public(), newline=False).decode('ascii')}"


def is_published(record: str, texts: Iterable[str]) -> bool:
    """Whether one of the TXT texts at a name says the same key as ``record``."""
    wanted = parse_record(record)
    for text in texts:
        try:
            found = parse_record(text)
        except BadKey:
            continue
        if (found.kind, found.public) == (wanted.kind, wanted.public):
            return True
    return False


def key_name(selector: str, domain: str) -> str:
    """The name of the key record (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"
