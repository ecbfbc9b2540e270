"""ARC sets: the three fields of each link of the chain, put together by their instance (RFC 8617 section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..dkim import tags
from ..dkim.canonical import Field, relaxed, unsigned
from ..dkim.signature import ALGORITHMS, BadSignature, instance_of

MOST_SETS = 50  # RFC 8617 section 4.2.1

RESULTS, SIGNATURE, SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"
NAMES = (RESULTS, SIGNATURE, SEAL)  # in the order in which a seal covers them (section 5.1.1)

_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*(\d{1,2})[ \t\r\n]*;")


class BrokenChain(ValueError):
    """The chain is not made as RFC 8617 wants it; the text says why."""


@dataclass(frozen=True, slots=True)
class Set:
    """One link of the chain."""

    instance: int
    results: Field
    signature: Field
    seal: Field


@dataclass(frozen=True, slots=True)
class Seal:
    """What an ARC-Seal says (section 4.1.3)."""

    kind: str
    domain: str
    selector: str
    data: bytes
    cv: bytes


def seal_status(seal: Field) -> bytes:
    """What a sealer found about the chain before it: none, pass or fail; "" when it cannot be read."""
    try:
        return tags.parse(seal.value).get(b"cv", b"")
    except tags.BadTags:
        return b""


def highest(found: Sequence[Field]) -> int:
    """The highest instance that any field of ARC claims, 0 when none does."""
    return max((instance(one) for one in found if one.name in NAMES), default=0)


def collect(found: Sequence[Field]) -> list[Set]:
    """The sets from the first to the newest. Raises BrokenChain when one is not whole or out of order (section 5.2 step 3)."""
    by_place: dict[tuple[int, bytes], Field] = {}
    for one in found:
        if one.name not in NAMES:
            continue
        place = instance(one), one.name
        if not place[0]:
            raise BrokenChain("a field has no instance from 1 to 50")
        if place in by_place:
            raise BrokenChain(f"a field of instance {place[0]} is there twice")
        by_place[place] = one
    count = max(number for number, _ in by_place) if by_place else 0
    if len(by_place) != count * len(NAMES):
        raise BrokenChain("a field of the chain is missing")
    sets = [Set(number, *(by_place[number, name] for name in NAMES)) for number in range(1, count + 1)]
    for link in sets:
        _check_cv(link)
    return sets


def _check_cv(one: Set) -> None:
    cv = seal_status(one.seal)
    if cv != (b"none" if one.instance == 1 else b"pass"):
        raise BrokenChain(f"the seal of instance {one.instance} says cv={cv.decode('latin-1')}")


def instance(one: Field) -> int:
    """The instance that a field of ARC claims, 0 when it is none from 1 to 50."""
    if one.name == RESULTS:
        match = _INSTANCE.match(one.value)
        number = int(match[1]) if match else 0
        return number if number <= MOST_SETS else 0
    try:
        return instance_of(tags.parse(one.value))
    except (tags.BadTags, BadSignature):
        return 0


def read_seal(one: Set) -> Seal:
    """The seal of a set. Raises BrokenChain."""
    try:
        found = tags.parse(one.seal.value)
        if b"h" in found or b"bh" in found:
            raise BrokenChain("a seal names signed fields")  # section 4.1.3
        kind = ALGORITHMS[found[b"a"]]
        who = found[b"d"].decode("ascii").lower(), found[b"s"].decode("ascii")
        return Seal(kind, *who, tags.base64(found[b"b"]), found.get(b"cv", b""))
    except (tags.BadTags, KeyError, UnicodeDecodeError):
        raise BrokenChain(f"the seal of instance {one.instance} cannot be read") from None


def sealed_bytes(sets: Sequence[Set]) -> bytes:
    """What the seal of the last of these sets is made over (section 5.1.1): all of them, its own seal without the signature."""
    parts = [relaxed(field) for one in sets for field in (one.results, one.signature, one.seal)]
    return b"".join(parts[:-1]) + relaxed(unsigned(sets[-1].seal)).removesuffix(b"\r\n")
