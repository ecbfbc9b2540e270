"""What a client is told of a search: SEARCH, SORT and ESEARCH responses (RFC 9051 section 7.3.4, RFC 4731, RFC 9394), and "$"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .grammar.writing import number_set, quoted

if TYPE_CHECKING:
    from postroom.store.columns import Columns

    from .grammar.searching import Program, Wanted
    from .view import View

SAVE = b"SAVE"


def answered(
    view: View,
    word: bytes,
    tag: bytes,
    numbers: Sequence[int],
    uids: Sequence[int],
    columns: Columns,
    wanted: Wanted,
    program: Program,
    *,
    uid: bool,
) -> bytes:
    """ESEARCH where the client wants that, else the response of the command ``word``; "$" is kept. ``numbers``, ``uids``: the result."""
    modseq = highest(columns, uids, wanted) if program.modseq else None
    if SAVE in wanted.options:
        view.saved = saved(uids, wanted)
    if wanted.extended:
        return extended(tag, numbers, wanted, uid=uid, modseq=modseq)
    return plain(word, numbers, modseq)


def plain(word: bytes, numbers: Sequence[int], modseq: int | None = None) -> bytes:
    """``* SEARCH 2 3 6 (MODSEQ 917162500)`` (RFC 3501 section 7.2.5, RFC 7162 section 3.1.5)."""
    tail = f" (MODSEQ {modseq})" if modseq is not None and numbers else ""
    text = "".join([f" {number}" for number in numbers])
    return b"* %s%s\r\n" % (word, f"{text}{tail}".encode("ascii"))


def extended(tag: bytes, numbers: Sequence[int], wanted: Wanted, *, uid: bool, modseq: int | None = None, place: bytes = b"") -> bytes:
    """The ESEARCH response, b"" when only SAVE was asked for. ``numbers`` in the order of the result; ``place``: which mailbox."""
    options = wanted.options
    if options == {SAVE} and wanted.partial is None:
        return b""  # RFC 5182 section 2.1
    said = [b"* ESEARCH (TAG %s%s)" % (quoted(tag), place)]
    if uid:
        said.append(b"UID")
    if numbers:
        if b"MIN" in options:
            said.append(b"MIN %d" % numbers[0])
        if b"MAX" in options:
            said.append(b"MAX %d" % numbers[-1])
        if b"ALL" in options:
            said.append(b"ALL " + listed(numbers))
    if wanted.partial is not None:
        part = partial(numbers, wanted.partial)
        first, last = wanted.partial
        said.append(b"PARTIAL (%d:%d %s)" % (first, last, listed(part) if part else b"NIL"))
    if b"COUNT" in options:
        said.append(b"COUNT %d" % len(numbers))
    if modseq is not None and numbers:
        said.append(b"MODSEQ %d" % modseq)
    return b" ".join(said) + b"\r\n"


def listed(numbers: Sequence[int]) -> bytes:
    """A number set in this very order, which means something after SORT: only runs that ascend are joined (RFC 5267 section 3.2)."""
    return number_set(numbers).encode("ascii")


def partial(numbers: Sequence[int], wanted: tuple[int, int]) -> Sequence[int]:
    """The part of a result that RETURN (PARTIAL first:last) means; negative positions count from the end (RFC 9394 section 3.1)."""
    first, last = wanted
    if first > 0:
        return numbers[first - 1 : last]
    return numbers[max(len(numbers) + last, 0) : max(len(numbers) + first + 1, 0)]


def saved(uids: Sequence[int], wanted: Wanted) -> list[int]:
    """What "$" stands for afterwards (RFC 5182 section 2.4, RFC 9394 section 3.2); ``uids`` in the order of the result."""
    options = wanted.options
    if options & {b"ALL", b"COUNT"} or not (options & {b"MIN", b"MAX"} or wanted.partial):
        return sorted(uids)
    kept = set(partial(uids, wanted.partial)) if wanted.partial else set()
    if uids and b"MIN" in options:
        kept.add(uids[0])
    if uids and b"MAX" in options:
        kept.add(uids[-1])
    return sorted(kept)


def highest(columns: Columns, uids: Sequence[int], wanted: Wanted) -> int:
    """The modseq that goes with a result (RFC 7162 section 3.1.10): of what is told when that is only MIN or MAX, else of all."""
    told = set(uids)
    if wanted.extended and wanted.options and wanted.options <= {b"MIN", b"MAX", SAVE} and wanted.partial is None:
        told = set(saved(uids, wanted))
    return max((columns.modseqs[row] for uid in told if (row := columns.position(uid)) >= 0), default=0)
