"""Validating the chain of a message (RFC 8617 section 5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..dkim.body import LARGE, Run, directly
from ..dkim.canonical import Field, fields
from ..dkim.keys import BadKey, KeyUnavailable, key_name, parse_record
from ..dkim.signature import BadSignature, Signature, parse_arc
from ..dkim.verifying import Key, body_digests, check, header_of
from ..message import Message
from .sets import MOST_SETS, NAMES, SEAL, BrokenChain, Set, collect, highest, instance, read_seal, seal_status, sealed_bytes

Cv = Literal["none", "pass", "fail"]


@dataclass(frozen=True, slots=True)
class Chain:
    """What validating has found. ``cv``: the Chain Validation Status to say in the next seal."""

    cv: Cv
    sets: tuple[Set, ...] = ()  # of a chain that is in order
    reason: str = ""
    highest: int = 0  # instance
    closed: bool = False  # the newest seal says fail, or there is no room: nobody may add to it (sections 5.1 and 4.2.1)
    temporary: bool = False  # a key could not be had just now: it may be valid after all


def validate(message: Message, key: Key, now: float, run: Run = directly) -> Chain:
    """The status of the chain. ``key``, ``now`` and ``run`` as in ``dkim.verify``."""
    found = header_of(message, run)
    links = [one for one in found if one.name in NAMES]
    chain: Chain = (run if message.header_size > LARGE else directly)(_gathered, links)
    if chain.cv != "pass":
        return chain
    sets, top, full = chain.sets, chain.highest, chain.closed
    try:
        _check_message(message, found, sets[-1], key, now, run)
        for number in range(len(sets), 0, -1):
            _check_seal(sets[:number], key, run)
    except KeyUnavailable as error:
        return Chain("fail", sets, str(error) or "a key cannot be had just now", top, full, temporary=True)
    except (BrokenChain, BadKey) as error:
        return Chain("fail", sets, str(error), top, full)
    return chain


def _gathered(links: Sequence[Field]) -> Chain:
    """The chain of these fields as it is to be checked, or what is wrong with how it is put together."""
    if not links:
        return Chain("none")
    if len(links) > MOST_SETS * len(NAMES):
        return Chain("fail", (), f"there are more fields than {MOST_SETS} links have", MOST_SETS, closed=True)
    top = highest(links)
    full = top >= MOST_SETS
    try:
        return Chain("pass", tuple(collect(links)), "", top, full)
    except BrokenChain as error:
        return Chain("fail", (), str(error), top, full or _says_fail(links, top))


def key_names(message: Message) -> list[str]:
    """The names of the key records that ``validate`` may ask for."""
    try:
        sets = collect(fields(message))
        who = [(seal.selector, seal.domain) for seal in map(read_seal, sets)]
        newest = [parse_arc(one.signature) for one in sets[-1:]]
    except (BrokenChain, BadSignature):
        return []
    return list(dict.fromkeys(key_name(*one) for one in [*((one.selector, one.domain) for one in newest), *who]))


def _says_fail(found: Sequence[Field], top: int) -> bool:
    """Whether the newest seal says cv=fail."""
    return any(one.name == SEAL and instance(one) == top and seal_status(one) == b"fail" for one in found)


def _check_message(message: Message, found: Sequence[Field], newest: Set, key: Key, now: float, run: Run) -> None:
    """The newest message signature must match (section 5.2 step 4). Raises BrokenChain, KeyUnavailable."""
    try:
        signature: Signature = parse_arc(newest.signature)
    except BadSignature as error:
        raise BrokenChain(str(error)) from None
    result = check(signature, found, body_digests(message, [signature], run), key, now, run)
    if result.status == "temperror":
        raise KeyUnavailable(result.reason)
    if result.status != "pass":
        raise BrokenChain(f"the message signature of instance {newest.instance}: {result.reason}")


def _check_seal(sets: Sequence[Set], key: Key, run: Run) -> None:
    """The seal of the last of these sets must match (step 6). Raises BrokenChain, BadKey, KeyUnavailable."""
    seal = read_seal(sets[-1])
    text = key(key_name(seal.selector, seal.domain))
    if not text:
        raise BrokenChain(f"the seal of instance {len(sets)}: there is no key record")
    record = parse_record(text)
    if not record.public or record.kind != seal.kind:
        raise BrokenChain(f"the seal of instance {len(sets)}: the key has been revoked or is of another kind")
    if not run(lambda: record.verifies(seal.data, sealed_bytes(sets))):
        raise BrokenChain(f"the seal of instance {len(sets)} does not match")
