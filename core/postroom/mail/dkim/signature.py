"""What a DKIM-Signature or ARC-Message-Signature field says, read strictly (RFC 6376 section 3.5, RFC 8617 section 4.1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import tags
from .canonical import Field

MAX_NAMES = 300  # field names in h=

_DOMAIN = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_FIELD_NAME = re.compile(rb"[!-9<-~]+")
_FORMS = {b"simple": "simple", b"relaxed": "relaxed"}
ALGORITHMS = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}  # RFC 8301 section 3.1: rsa-sha1 is not verified


class BadSignature(ValueError):
    """A signature that cannot be right whatever the message is; the text says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as a value."""

    field: Field
    kind: str  # of the key: "rsa" or "ed25519"
    domain: str  # d=, in lower case
    selector: str
    data: bytes  # b=
    body_hash: bytes
    names: tuple[bytes, ...]  # h=, in lower case
    header_form: str = "simple"
    body_form: str = "simple"
    identity: str = ""  # i=, with its default "@domain"
    length: int | None = None  # l=
    timestamp: int | None = None
    expires: int | None = None
    instance: int = 0  # of an ARC set


def parse(field: Field) -> Signature:
    """The signature of a DKIM-Signature field. Raises BadSignature."""
    found = _tags(field)
    if found.get(b"v") != b"1":
        raise BadSignature("the version is not 1")
    domain = _domain(found)
    identity = found.get(b"i", b"").decode("utf-8", "replace") or f"@{domain}"
    within = identity.rpartition("@")[2].lower()
    if "@" not in identity or not (within == domain or within.endswith("." + domain)):
        raise BadSignature("the identity (i=) is not within the domain (d=)")
    if b"dns/txt" not in tags.colon_list(found.get(b"q", b"dns/txt")):
        raise BadSignature("the key is to be asked for in a way that is not known")
    made = _common(field, found, domain, identity)
    if b"from" not in made.names:
        raise BadSignature("the field From is not signed")  # section 5.4
    return made


def parse_arc(field: Field) -> Signature:
    """The signature of an ARC-Message-Signature field, whose ``i=`` is the instance. Raises BadSignature."""
    found = _tags(field)
    domain = _domain(found)
    if any(name.startswith(b"arc-") for name in map(bytes.lower, tags.colon_list(found.get(b"h", b"")))):
        raise BadSignature("fields of ARC are signed")  # RFC 8617 section 4.1.2
    return _common(field, found, domain, "", instance_of(found))


def instance_of(found: dict[bytes, bytes]) -> int:
    """The instance of an ARC field, 1 to 50 (RFC 8617 section 4.2.1). Raises BadSignature."""
    digits = found.get(b"i", b"")
    if not digits.isdigit() or len(digits) > 2 or not 1 <= int(digits) <= 50:
        raise BadSignature("the instance (i=) is not from 1 to 50")
    return int(digits)


def _tags(field: Field) -> dict[bytes, bytes]:
    try:
        return tags.parse(field.value)
    except tags.BadTags as error:
        raise BadSignature(str(error)) from None


def _domain(found: dict[bytes, bytes]) -> str:
    domain = found.get(b"d", b"")
    if not _DOMAIN.fullmatch(domain) or len(domain) > 255:
        raise BadSignature("the domain (d=) is missing or none")
    return domain.decode("ascii").lower()


def _common(field: Field, found: dict[bytes, bytes], domain: str, identity: str, instance: int = 0) -> Signature:
    selector, names = found.get(b"s", b""), tags.colon_list(found.get(b"h", b""))
    if not _DOMAIN.fullmatch(selector) or len(selector) > 255:
        raise BadSignature("the selector (s=) is missing or none")
    if len(names) > MAX_NAMES or not all(map(_FIELD_NAME.fullmatch, names)):
        raise BadSignature("the list of signed fields (h=) is missing or wrong")
    kind = ALGORITHMS.get(found.get(b"a", b""))
    if kind is None:
        raise BadSignature("the algorithm (a=) is missing, not known or no longer accepted")
    header_form, body_form = _forms(found.get(b"c", b"simple/simple"))
    try:
        numbers = {name: tags.number(found[name]) if name in found else None for name in (b"l", b"t", b"x")}
        data, body_hash = tags.base64(found.get(b"b", b"")), tags.base64(found.get(b"bh", b""))
    except tags.BadTags as error:
        raise BadSignature(str(error)) from None
    begun, expires = numbers[b"t"], numbers[b"x"]
    if begun is not None and expires is not None and expires <= begun:
        raise BadSignature("it expires before it was made")
    return Signature(
        field, kind, domain, selector.decode("ascii"), data, body_hash, tuple(name.lower() for name in names),
        header_form, body_form, identity, numbers[b"l"], begun, expires, instance,
    )  # fmt: skip


def _forms(value: bytes) -> tuple[str, str]:
    header, _, body = value.partition(b"/")
    if header not in _FORMS or (body or b"simple") not in _FORMS:
        raise BadSignature("the canonicalization (c=) is not known")
    return _FORMS[header], _FORMS[body or b"simple"]
