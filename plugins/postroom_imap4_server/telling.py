"""Untagged responses about the messages of a view, many at a time: what has gone, and what flags there are now."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from postroom.store.uids import ascending

from .grammar.writing import FLAG_WORDS, SYSTEM_FLAGS, flags, ranges_set

if TYPE_CHECKING:
    from postroom.store.columns import Columns

    from .session import Session
    from .view import View

PIECE = 1_000  # responses that are sent together
LONGEST = 8_000  # characters of a VANISHED response
RIGHT_OF = {"\\Seen": "s", "\\Deleted": "t"}  # RFC 4314 section 4: the right to change a flag, "w" for all others


def expunges(session: Session, uids: Sequence[int], gone: Sequence[int]) -> None:
    """Tell that ``gone`` (ascending) leave the numbering ``uids``."""
    if session.qresync or session.uidonly:  # RFC 7162 section 3.2.10, RFC 9586 section 3.5
        session.send(vanished(ascending(gone)))
        return
    for end in range(len(gone), 0, -PIECE):
        # From the last to the first, so that each number is what it was before (RFC 9051 section 7.5.1)
        piece = reversed(gone[max(0, end - PIECE) : end])
        session.send(b"".join([b"* %d EXPUNGE\r\n" % (bisect_left(uids, uid) + 1) for uid in piece]))
        session.out.breathe()


def vanished(ranges: Iterable[tuple[int, int]], *, earlier: bool = False) -> bytes:
    """VANISHED responses (RFC 7162 section 3.2.10), each of bounded length; ``earlier``: it was before this mailbox was selected."""
    head = "* VANISHED (EARLIER)" if earlier else "* VANISHED"
    lines, gathered, length = [], [], 0
    for pair in ranges:
        gathered.append(pair)
        length += len(str(pair[0])) + len(str(pair[1])) + 2
        if length > LONGEST:
            lines.append(f"{head} {ranges_set(gathered)}\r\n")
            gathered, length = [], 0
    if gathered:
        lines.append(f"{head} {ranges_set(gathered)}\r\n")
    return "".join(lines).encode("ascii")


def flags_of(session: Session, view: View, places: Iterable[range], *, uid: bool) -> None:
    """Send the flags of messages; ``places`` are indexes into ``view.uids``. What is gone is passed over.

    With UID where the client has asked by UID, or has not asked at all: then QRESYNC wants it (RFC 7162 section 3.2.4).
    MODSEQ is there for whoever has enabled CONDSTORE (RFC 7162 section 3.1).
    """
    view.learn()
    form = _form(session, uid=uid)
    for place in places:
        for start in range(place.start, place.stop, PIECE):
            session.send(_piece(session, view, range(start, min(start + PIECE, place.stop)), form))
            session.out.breathe()
    view.told((uids for place in places for uids in view.uids[place.start : place.stop]), view.columns.modseq)


def flags_of_uids(session: Session, view: View, uids: Sequence[int]) -> None:
    """The same, of messages that nobody has asked for: ``uids`` are ascending, there may be very many."""
    for start in range(0, len(uids), PIECE):
        flags_of(session, view, view.places(uids[start : start + PIECE]), uid=True)


class _Form(NamedTuple):
    """The text of a response, and which facts fill it."""

    text: str
    numbered: bool
    uid: bool
    modseq: bool


def _form(session: Session, *, uid: bool) -> _Form:
    modseq = " MODSEQ (%d)" if session.condstore else ""
    if session.uidonly:  # RFC 9586 section 3.2: the UID is there already
        return _Form(f"* %d UIDFETCH (FLAGS (%s){modseq})\r\n", numbered=False, uid=True, modseq=session.condstore)
    text = f"* %d FETCH ({'UID %d ' if uid else ''}FLAGS (%s){modseq})\r\n"
    return _Form(text, numbered=True, uid=uid, modseq=session.condstore)


def _piece(session: Session, view: View, positions: Iterable[int], form: _Form) -> bytes:
    """The responses about some messages: column by column, because there may be ten thousand."""
    columns, known = view.columns, view.uids
    if known is columns.uids:
        rows = positions
    else:
        positions = [position for position in positions if view.row(position) >= 0]
        rows = [view.row(position) for position in positions]
    uids = [known[position] for position in positions]
    facts: list[Iterable[object]] = [[position + 1 for position in positions]] if form.numbered else []
    if form.uid:
        facts.append(uids)
    facts.append(_words(columns, uids, rows, 1 << 32 if session.rev2 else view.recent))
    if form.modseq:
        facts.append([columns.modseqs[row] for row in rows])
    return "".join([form.text % one for one in zip(*facts, strict=True)]).encode("ascii")


def _words(columns: Columns, uids: Sequence[int], rows: Iterable[int], recent: int) -> list[str]:
    """The insides of the flag lists; from UID ``recent`` on messages are recent."""
    flags_of_all, keywords = columns.flags, columns.keywords
    if not keywords and uids and uids[-1] < recent:
        return [FLAG_WORDS[flags_of_all[row]] for row in rows]
    return [flags(flags_of_all[row], keywords.get(uid, ""), recent=uid >= recent) for uid, row in zip(uids, rows, strict=True)]


def modseqs_of(session: Session, view: View, places: Iterable[range]) -> None:
    """Send the modseqs of messages whose flags the client knows: what STORE with .SILENT answers (RFC 7162 section 3.1.3)."""
    columns, uids = view.columns, view.uids
    form = "* {1} UIDFETCH (MODSEQ ({2}))\r\n" if session.uidonly else "* {0} FETCH (UID {1} MODSEQ ({2}))\r\n"
    for place in places:
        rows = ((position, view.row(position)) for position in place)
        lines = [form.format(position + 1, uids[position], columns.modseqs[row]) for position, row in rows if row >= 0]
        session.send("".join(lines).encode("ascii"))
        session.out.breathe()


def flag_names(session: Session, view: View) -> None:
    """Send which flags there are in the mailbox, and which of them the client may change for good (RFC 9051 section 7.1)."""
    known = [*SYSTEM_FLAGS, *view.keywords.split()]
    session.untagged(f"FLAGS ({' '.join(known)})")
    session.untagged(f"OK [PERMANENTFLAGS ({' '.join(permanent(view))})] Flags that stay")


def permanent(view: View) -> list[str]:
    r"""The flags that the client may change; ``\*``: and keywords of its own."""
    if view.read_only:
        return []
    rights = view.rights
    system = [name for name in SYSTEM_FLAGS if RIGHT_OF.get(name, "w") in rights]
    return [*system, *view.keywords.split(), "\\*"] if "w" in rights else system
