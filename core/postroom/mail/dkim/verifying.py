"""Verifying the signatures of a message (RFC 6376 section 6); what comes out are results in the words of RFC 8601 section 2.7.1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..message import Message
from .body import LARGE, BodyHash, Run, directly, hash_body
from .canonical import Field, fields, signed_bytes
from .keys import BadKey, KeyUnavailable, key_name, parse_record
from .signature import BadSignature, Signature, parse

MAX_SIGNATURES = 10  # of a message; further ones are not looked at
SKEW = 3600  # seconds by which t= may lie in the future

Status = Literal["pass", "fail", "policy", "neutral", "temperror", "permerror"]
Key = Callable[[str], str]  # key(name): the TXT text, "" when there is none. Raises KeyUnavailable

HashKey = tuple[str, int | None]  # form and length


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one signature. ``signature`` is None where it could not be read."""

    status: Status
    reason: str = ""
    signature: Signature | None = None
    testing: bool = False  # the key record says that the domain is only trying DKIM out


def verify(message: Message, key: Key, now: float, run: Run = directly) -> list[Result]:
    """A result for each DKIM-Signature of the message, from the top; [] when there is none. ``now``: epoch seconds.

    ``run``: where large pieces of the message are worked on and signatures are checked (``context.offload``).
    """
    found = header_of(message, run)
    read = list(map(_read, islice((one for one in found if one.name == b"dkim-signature"), MAX_SIGNATURES)))
    signatures = [one for one in read if isinstance(one, Signature)]
    digests = body_digests(message, signatures, run)
    return [check(one, found, digests, key, now, run) if isinstance(one, Signature) else one for one in read]


def key_names(message: Message) -> list[str]:
    """The names of the key records that ``verify`` will ask for."""
    read = map(_read, islice((one for one in fields(message) if one.name == b"dkim-signature"), MAX_SIGNATURES))
    return list(dict.fromkeys(key_name(one.selector, one.domain) for one in read if isinstance(one, Signature)))


def header_of(message: Message, run: Run = directly) -> list[Field]:
    """The header fields of a message; those of a long header are looked for elsewhere."""
    found: list[Field] = (run if message.header_size > LARGE else directly)(fields, message)
    return found


def _read(field: Field) -> Signature | Result:
    try:
        return parse(field)
    except BadSignature as error:
        return Result("permerror", str(error))


def body_digests(message: Message, signatures: Iterable[Signature], run: Run = directly) -> dict[HashKey, BodyHash]:
    """The hashes of the body that these signatures need, computed in one pass."""
    hashes = {(one.body_form, one.length): BodyHash(one.body_form, one.length) for one in signatures}
    if hashes:
        hash_body(message, hashes.values(), run)
        for made in hashes.values():
            made.digest()
    return hashes


def check(one: Signature, found: Sequence[Field], digests: dict[HashKey, BodyHash], key: Key, now: float, run: Run = directly) -> Result:
    """The result for one signature."""
    if one.expires is not None and now > one.expires:
        return Result("policy", "the signature has expired", one)
    if one.timestamp is not None and one.timestamp > now + SKEW:
        return Result("policy", "the signature was made in the future", one)
    body = digests[one.body_form, one.length]
    if one.length is not None and one.length > body.total:
        return Result("permerror", "the body is shorter than the signature says", one)  # section 3.5, l=
    try:
        record = parse_record(_record(one, key))
        if not record.public:
            return Result("permerror", "the key has been revoked", one)
        fault = _misfit(one, record.kind, record.hashes, record.services, strict=record.strict)
        if fault:
            return Result("permerror", fault, one)
        if body.digest() != one.body_hash:
            return Result("fail", "the body has been changed", one, record.testing)
        good = run(lambda: record.verifies(one.data, signed_bytes(found, one.names, one.field, one.header_form)))
    except KeyUnavailable as error:
        return Result("temperror", str(error) or "the key cannot be had just now", one)
    except BadKey as error:
        return Result("permerror", str(error), one)
    if not good:
        return Result("fail", "the signature does not match the header", one, record.testing)
    return Result("pass", "", one, record.testing)


def _record(one: Signature, key: Key) -> str:
    text = key(key_name(one.selector, one.domain))
    if not text:
        raise BadKey("there is no key record")
    return text


def _misfit(one: Signature, kind: str, hashes: tuple[bytes, ...], services: tuple[bytes, ...], *, strict: bool) -> str:
    """Why a key record is not for this signature (section 6.1.2), "" when it is."""
    if kind != one.kind:
        return "the key is of another kind"
    if hashes and b"sha256" not in hashes:
        return "the key is not for this hash"
    if b"*" not in services and b"email" not in services:
        return "the key is not for mail"
    if strict and one.identity and one.identity.rpartition("@")[2].lower() != one.domain:
        return "the key does not allow subdomains"
    return ""
