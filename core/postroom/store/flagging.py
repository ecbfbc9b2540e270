"""Flags and keywords of many messages change at once: by groups of equal state, so that a mailbox costs a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .appending import DELETED, SEEN
from .database import Tx
from .keywords import joined, spelled
from .uids import clauses, ranges

LOCK = "SELECT modseq, keywords FROM mailbox WHERE id = ?"
LOCK_ROW = f"{LOCK} FOR UPDATE"  # PostgreSQL: whoever holds this row has the mailbox to itself; SQLite has one writer anyway

STATES = "SELECT flags, keywords, count(*) FROM message WHERE mailbox_id = ? AND {clause} GROUP BY flags, keywords"
TURN = (
    "UPDATE message SET flags = ?, keywords = ?, modseq = ?, touched = 1 WHERE mailbox_id = ? AND {clause}"
    " AND flags = ? AND keywords = ? RETURNING uid"
)
EACH = "SELECT uid, flags, keywords FROM message WHERE mailbox_id = ? AND {clause}"
TURN_ONE = "UPDATE message SET flags = ?, keywords = ?, modseq = ?, touched = 1 WHERE mailbox_id = ? AND uid = ?"
UNCHANGED = "{clause} AND modseq <= ?"
REFUSED = "SELECT uid FROM message WHERE mailbox_id = ? AND {clause} AND modseq > ?"
COUNT = "UPDATE mailbox SET modseq = ?, unseen = unseen + ?, deleted = deleted + ?, keywords = ? WHERE id = ?"
GROUPS = 16  # different states in one piece up to which they are changed by a statement each

State = tuple[int, str]  # flags and keywords as the columns hold them


class Change(NamedTuple):
    """What is to become of flags and keywords (RFC 9051 section 6.4.6)."""

    mode: Literal["set", "add", "remove"]
    flags: int
    keywords: tuple[str, ...] = ()


@dataclass(slots=True)
class Flagged:
    """What became of them."""

    modseq: int  # of the mailbox now
    before: int  # of the mailbox before; the same when nothing changed
    changed: list[int] = field(default_factory=list)  # UIDs of messages that are different now, ascending
    modified: list[int] = field(default_factory=list)  # UIDs that were left alone because they had changed (RFC 7162), ascending
    states: dict[State, list[int]] = field(default_factory=dict)  # the changed UIDs by what they have now


def change_flags(
    tx: Tx,
    mailbox_id: int,
    uids: Iterable[int] | Iterable[tuple[int, int]],
    change: Change,
    *,
    unchanged_since: int | None = None,
) -> Flagged:
    """Change the flags of messages, given as UIDs or ranges of UIDs; those that are gone do not matter.

    ``unchanged_since``: leave alone what has a higher modseq (RFC 7162 section 3.1.3). Raises TooManyKeywords, and KeyError when
    the mailbox is gone. When nothing is different afterwards, the mailbox's modseq stays.
    """
    held = tx.one(LOCK if tx.dialect == "sqlite" else LOCK_ROW, (mailbox_id,))
    if held is None:
        raise KeyError(mailbox_id)
    known, words = spelled(held[1], change.keywords) if change.mode != "remove" else (held[1], change.keywords)
    turn = Turn(tx, mailbox_id, held[0] + 1, change.mode, change.flags, frozenset(words))
    found = Flagged(held[0], held[0])
    for clause, params in clauses(ranges(uids)):
        if unchanged_since is None:
            turn.piece(clause, params)
            continue
        bounded = (*params, unchanged_since)
        found.modified += (row[0] for row in tx.execute(REFUSED.format(clause=clause), (mailbox_id, *bounded)))
        turn.piece(UNCHANGED.format(clause=clause), bounded)
    if turn.states or known != held[1]:
        found.modseq = turn.modseq
        tx.do(COUNT, (turn.modseq, turn.unseen, turn.deleted, known, mailbox_id))
    found.states = turn.states
    found.changed = sorted(uid for group in turn.states.values() for uid in group)
    found.modified.sort()
    return found


class Turn:
    """One change of flags under way."""

    def __init__(self, tx: Tx, mailbox_id: int, modseq: int, mode: str, flags: int, words: frozenset[str]) -> None:
        self.tx, self.mailbox_id, self.modseq = tx, mailbox_id, modseq
        self._mode, self._flags, self._words = mode, flags, words
        self._lowered = frozenset(word.lower() for word in words)
        self.states: dict[State, list[int]] = {}
        self.unseen = self.deleted = 0  # how much the counts of the mailbox change

    def piece(self, clause: str, params: tuple[int, ...]) -> None:
        """Change one piece of the messages."""
        where = (self.mailbox_id, *params)
        rows = self.tx.execute(STATES.format(clause=clause), where)
        wanted = [((flags, keywords), after) for flags, keywords, _ in rows if (after := self._after(flags, keywords)) is not None]
        if len(wanted) > GROUPS:
            self._one_by_one(clause, where)
            return
        # No message is changed twice: what a change has made is never a state that it changes
        for state, after in wanted:
            changed = self.tx.execute(TURN.format(clause=clause), (*after, self.modseq, *where, *state))
            self._note(state, after, [row[0] for row in changed])

    def _one_by_one(self, clause: str, where: tuple[int, ...]) -> None:
        rows = []
        for uid, flags, keywords in self.tx.execute(EACH.format(clause=clause), where):
            after = self._after(flags, keywords)
            if after is not None:
                rows.append((*after, self.modseq, self.mailbox_id, uid))
                self._note((flags, keywords), after, [uid])
        self.tx.many(TURN_ONE, rows)

    def _note(self, state: State, after: State, uids: Iterable[int]) -> None:
        before = len(group := self.states.setdefault(after, []))
        group.extend(uids)
        count = len(group) - before
        self.unseen += count * ((state[0] & SEEN) - (after[0] & SEEN))
        self.deleted += count * (((after[0] & DELETED) - (state[0] & DELETED)) // DELETED)

    def _after(self, flags: int, keywords: str) -> State | None:
        """What becomes of a state; None when it is not different."""
        after = {"set": self._flags, "add": flags | self._flags, "remove": flags & ~self._flags}[self._mode]
        words = frozenset(keywords.split())
        turned = self._words if self._mode == "set" else frozenset(self._turned(words))
        if after == flags and turned == words:
            return None
        return after, keywords if turned == words else joined(turned)

    def _turned(self, words: frozenset[str]) -> Iterator[str] | frozenset[str]:
        return words | self._words if self._mode == "add" else (word for word in words if word.lower() not in self._lowered)
