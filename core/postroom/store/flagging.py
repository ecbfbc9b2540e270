"""Flags and keywords of many messages change at once: by groups of equal state, so that a mailbox costs a few statements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from .appending import DELETED, SEEN
from .database import Tx
from .keywords import joined, spelled
from .uids import clauses, ranges

LOCK = "SELECT modseq, keywords FROM mailbox WHERE id = ?"
LOCK_ROW = f"{LOCK} FOR UPDATE"  # PostgreSQL: whoever holds this row has the mailbox to itself; SQLite has one writer anyway

CHOSEN = "SELECT uid, flags, keywords, modseq FROM message WHERE mailbox_id = ? AND {clause}"
TURN = (
    "UPDATE message SET flags = ?, keywords = ?, modseq = ?, touched = 1 WHERE mailbox_id = ? AND {clause}"
    " AND flags = ? AND keywords = ? AND modseq <= ?"
)
TURN_ONE = "UPDATE message SET flags = ?, keywords = ?, modseq = ?, touched = 1 WHERE mailbox_id = ? AND uid = ?"
COUNT = "UPDATE mailbox SET modseq = ?, unseen = unseen + ?, deleted = deleted + ?, keywords = ? WHERE id = ?"
GROUPS = 16  # different states in one piece up to which they are changed by a statement each

State = tuple[int, str]  # flags and keywords as the columns hold them


class Change(NamedTuple):
    """What is to become of flags and keywords (RFC 9051 section 6.4.6)."""

    mode: Literal["set", "add", "remove"]
    flags: int
    keywords: tuple[str, ...] = ()


class Flagged(NamedTuple):
    """What became of them."""

    modseq: int  # of the mailbox now
    before: int  # of the mailbox before; the same when nothing changed
    changed: list[int]  # UIDs of messages that are different now, ascending
    modified: list[int]  # UIDs that were left alone because they had changed (RFC 7162), ascending
    states: dict[State, list[int]]  # the changed UIDs by what they have now


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
    modseq = held[0]
    bound = modseq if unchanged_since is None else min(modseq, unchanged_since)
    turn = Turn(tx, mailbox_id, modseq, change._replace(keywords=words), bound)
    for clause, params in clauses(ranges(uids)):
        turn.piece(clause, params)
    if turn.states or known != held[1]:
        tx.do(COUNT, (held[0] + 1, turn.unseen, turn.deleted, known, mailbox_id))
        modseq = held[0] + 1
    changed = sorted(uid for group in turn.states.values() for uid in group)
    return Flagged(modseq, held[0], changed, sorted(turn.modified), turn.states)


class Turn:
    """One change of flags under way."""

    def __init__(self, tx: Tx, mailbox_id: int, modseq: int, change: Change, bound: int) -> None:
        self.tx, self.mailbox_id, self.modseq = tx, mailbox_id, modseq + 1
        self._mode, self._flags, self._words = change.mode, change.flags, frozenset(change.keywords)
        self._lowered = frozenset(word.lower() for word in change.keywords)
        self._bound = bound  # messages with a higher modseq are left alone
        self.modified: list[int] = []
        self.states: dict[State, list[int]] = {}  # changed UIDs by what they have now
        self.unseen = self.deleted = 0  # how much the counts of the mailbox change

    def piece(self, clause: str, params: tuple[int, ...]) -> None:
        """Change one piece of the messages. What is to be changed is read first: RETURNING from the change takes SQLite longer."""
        where = (self.mailbox_id, *params)
        groups: dict[State, list[int]] = {}
        for uid, flags, keywords, modseq in self.tx.execute(CHOSEN.format(clause=clause), where):
            if modseq > self._bound:
                self.modified.append(uid)
            else:
                groups.setdefault((flags, keywords), []).append(uid)
        turns = [(state, after, uids) for state, uids in groups.items() if (after := self._after(*state)) is not None]
        for state, after, uids in turns:
            self._note(state, after, uids)
        if len(turns) > GROUPS:
            self.tx.many(TURN_ONE, [(*after, self.modseq, self.mailbox_id, uid) for _, after, uids in turns for uid in uids])
            return
        for state, after, _ in turns:  # no message is changed twice: its modseq is above the bound by then
            self.tx.do(TURN.format(clause=clause), (*after, self.modseq, *where, *state, self._bound))

    def _note(self, state: State, after: State, uids: list[int]) -> None:
        self.states.setdefault(after, []).extend(uids)
        self.unseen += len(uids) * ((state[0] & SEEN) - (after[0] & SEEN))
        self.deleted += len(uids) * (((after[0] & DELETED) - (state[0] & DELETED)) // DELETED)

    def _after(self, flags: int, keywords: str) -> State | None:
        """What becomes of a state; None when it is not different."""
        after = {"set": self._flags, "add": flags | self._flags, "remove": flags & ~self._flags}[self._mode]
        words = frozenset(keywords.split())
        others = frozenset(word for word in words if word.lower() not in self._lowered)
        turned = {"set": self._words, "add": others | self._words, "remove": others}[self._mode]
        if after == flags and turned == words:
            return None
        return after, keywords if turned == words else joined(turned)
