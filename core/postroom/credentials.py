"""What the store keeps of a password: an argon2id hash, SCRAM keys and, for those who want it, the secret itself, encrypted."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TypedDict

from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret, verify_secret

from .wire.saslprep import prepared_password
from .wire.scram import ScramSecret, derive

# OWASP password storage cheat sheet: argon2id with 19 MiB, two passes, one lane; about 20 ms here
ARGON2_MEMORY = 19 * 1024  # KiB
ARGON2_TIME = 2
ARGON2_LANES = 1
HASH_BYTES = 32
SALT_BYTES = 16

SCRAM_ITERATIONS = 50_000  # above RFC 7677's 4,096 for a stolen database; Cyrus SASL takes no more than 65,536

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_FILE = "secrets.key"


class UnreadableSecret(Exception):
    """The key file is missing or another one than the secret was written with; the message says which file."""


class Credentials(TypedDict):
    """The columns of an account that hold its password, ready for the store."""

    password: str  # argon2id in PHC form
    scram: str  # "iterations$salt$stored$server", the last three in base64
    reversible: str  # encrypted secret in base64, or ""


def make_credentials(password: str, vault: Vault | None = None) -> Credentials:
    """All that is stored for ``password``; the secret itself only when a ``vault`` is given. Takes about 40 ms: offload it."""
    prepared = prepared_password(password)
    return Credentials(
        password=hash_password(prepared),
        scram=scram_text(derive(prepared, secrets.token_bytes(SALT_BYTES), SCRAM_ITERATIONS)),
        reversible=vault.lock(prepared) if vault else "",
    )


def hash_password(password: str) -> str:
    """The argon2id hash of a prepared password, salt and parameters included. Slow on purpose: offload it."""
    salt = secrets.token_bytes(SALT_BYTES)
    encoded = hash_secret(password.encode("utf-8"), salt, ARGON2_TIME, ARGON2_MEMORY, ARGON2_LANES, HASH_BYTES, Type.ID)
    return encoded.decode("ascii")


def password_matches(stored: str, password: str) -> bool:
    """Whether a prepared password is the one of ``stored``; False for a hash that cannot be read. Slow on purpose: offload it."""
    try:
        return verify_secret(stored.encode("ascii"), password.encode("utf-8"), Type.ID)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def decoy_hash() -> str:
    """A hash that no password has and that costs as much to check as a real one (for users who do not exist)."""
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v=19$m={ARGON2_MEMORY},t={ARGON2_TIME},p={ARGON2_LANES}${salt}${digest}"


def scram_text(secret: ScramSecret) -> str:
    """A SCRAM secret as the store keeps it."""
    fields = (b64encode(part).decode() for part in (secret.salt, secret.stored_key, secret.server_key))
    return "$".join([str(secret.iterations), *fields])


def parse_scram(text: str) -> ScramSecret | None:
    """The SCRAM secret of a stored text; None when there is none or it cannot be read."""
    try:
        iterations, salt, stored, server = text.split("$")
        keys = b64decode(salt, validate=True), b64decode(stored, validate=True), b64decode(server, validate=True)
        return ScramSecret(int(iterations), *keys)
    except ValueError:
        return None


class Vault:
    """Encrypts reversible secrets with AES-256-GCM under the key in ``data_dir/secrets.key``, made on first use.

    Nodes that share a database share that file too. Who can read both file and database can read these secrets: that is the
    price of CRAM-MD5 and APOP, and why accounts have to ask for it.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / KEY_FILE
        self._key: bytes | None = None

    def lock(self, secret: str) -> str:
        """``secret`` encrypted, in base64. Raises OSError when the key file can be neither read nor made."""
        return self._locked(secret, secrets.token_bytes(NONCE_BYTES))

    def lock_alike(self, secret: str, place: str) -> str:
        """The same, but one text for one ``secret`` at one ``place``: what is equal stays equal. Raises what ``lock`` raises."""
        # A nonce made of all that is encrypted is never used for anything else
        return self._locked(secret, hmac.digest(self.subkey(b"nonce"), f"{place}\0{secret}".encode(), "sha256")[:NONCE_BYTES])

    def _locked(self, secret: str, nonce: bytes) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 30 ms that most servers never need

        return b64encode(nonce + AESGCM(self._read_or_make()).encrypt(nonce, secret.encode("utf-8"), None)).decode("ascii")

    def unlock(self, text: str) -> str:
        """The secret in ``text``. Raises UnreadableSecret."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._key is None and not self.path.exists():
            raise UnreadableSecret(f"the key file {self.path} is missing: set the password anew, or bring the file back")
        try:
            data = b64decode(text, validate=True)
            return AESGCM(self._read_or_make()).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None).decode("utf-8")
        except (InvalidTag, ValueError):
            raise UnreadableSecret(f"a stored secret was not written with the key file {self.path}") from None
        except OSError as error:
            raise UnreadableSecret(f"the key file {self.path} cannot be read: {error.strerror}") from None

    def subkey(self, purpose: bytes) -> bytes:
        """Another key for another ``purpose``, the same in all workers. Raises OSError, UnreadableSecret."""
        return hmac.digest(self._read_or_make(), purpose, "sha256")

    def _read_or_make(self) -> bytes:
        if self._key is None:
            with contextlib.suppress(FileExistsError):
                self._make()
            key = self.path.read_bytes()
            if len(key) != KEY_BYTES:
                raise UnreadableSecret(f"the key file {self.path} is damaged: it holds {len(key)} bytes instead of {KEY_BYTES}")
            self._key = key
        return self._key

    def _make(self) -> None:
        """Write a new key under a name of our own and link it: of several processes one wins, and none sees half a key."""
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, self.path)
        finally:
            draft.unlink()
