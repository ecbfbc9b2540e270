"""What the store keeps of a password, at the price of a test: hundreds of accounts come and go, and none is worth an attack."""

from __future__ import annotations

import functools
import secrets

from argon2.low_level import Type, hash_secret

from ..credentials import HASH_BYTES, SALT_BYTES, Credentials, scram_text
from ..wire.saslprep import prepared_password
from ..wire.scram import derive

MEMORY = 64  # KiB; the hash says so itself, so that checking it is as cheap
SCRAM_ITERATIONS = 4096  # RFC 7677 section 4: the least that clients take


@functools.cache
def cheap_credentials(password: str) -> Credentials:
    """As ``make_credentials`` without a vault, a hundred times as fast; the same password gets the same salt."""
    prepared = prepared_password(password)
    hashed = hash_secret(prepared.encode("utf-8"), secrets.token_bytes(SALT_BYTES), 1, MEMORY, 1, HASH_BYTES, Type.ID)
    scram = scram_text(derive(prepared, secrets.token_bytes(SALT_BYTES), SCRAM_ITERATIONS))
    return Credentials(password=hashed.decode("ascii"), scram=scram, reversible="")
