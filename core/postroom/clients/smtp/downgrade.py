"""A message as a server without 8BITMIME or BINARYMIME can be given it: made 7-bit, and looked at before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ...mail import sevenbit
from ...mail.reply import Reply
from ...provided import Outgoing
from ...wire.breath import Breath
from .content import Unsendable, Unsuited, strict

SEALED = Reply(
    554,
    "5.6.2",
    "A signed or encrypted part has 8-bit text, must not be changed, and the next server takes 7-bit messages only (no 8BITMIME)",
)


def seven_bit(outgoing: Outgoing, chunks: Callable[[], Iterable[bytes]], limit: int, error: Unsuited) -> tuple[Outgoing, bytes | None]:
    """The same attempt with a 7-bit message, and the whole of that if it is no longer than ``limit``. Raises Unsendable.

    ``chunks``: the message as it is; ``error``: why it cannot go so, and what is said when it cannot be converted either.
    """
    breathe = Breath()
    try:
        conversion = sevenbit.plan(chunks, breathe)
        size, whole = _checked(conversion.converted(chunks(), breathe), limit, error)
    except sevenbit.Unconvertible as reason:
        raise Unsendable(SEALED if reason.sealed else error.reply) from reason

    def again() -> Iterator[bytes]:
        return conversion.converted(outgoing.chunks(), Breath())

    return replace(outgoing, size=size, body="7BIT", chunks=again), whole


def _checked(chunks: Iterable[bytes], limit: int, error: Unsuited) -> tuple[int, bytes | None]:
    """Its size, and itself when it is small. Raises ``error`` unless it is what any server takes (RFC 5321 section 2.3.8)."""
    kept: list[bytes] = []
    size = 0
    try:
        for chunk in strict(chunks):
            if not chunk.isascii():
                raise error
            size += len(chunk)
            if size <= limit:
                kept.append(chunk)
            else:
                kept.clear()
    except Unsendable:
        raise error from None
    return size, b"".join(kept) if size <= limit else None
