"""Claims due mail for one worker, so that no other takes it, for as long as the lease holds.

While a recipient is claimed its ``next_try`` is the end of the lease: a worker that dies needs nobody to clean up after it,
its mail is simply due again when the lease is over. And the search for due mail never steps over mail that is being sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .letter import WAITING, Addressee, Letter

if TYPE_CHECKING:
    from ..store.database import Tx

_DUE = "SELECT id FROM outgoing_recipient WHERE channel = ? AND state = ? AND next_try <= ? ORDER BY next_try LIMIT ?"
_TAKE = "UPDATE outgoing_recipient SET lease_owner = ?, lease_until = ?, next_try = ? WHERE id {due}"
_COLUMNS = " RETURNING id, outgoing_id, address, original, notify, orcpt, attempts, warned"
TAKE = {
    "sqlite": _TAKE.format(due=f"IN ({_DUE})") + _COLUMNS,
    # ANY(ARRAY(…)): the planner may run a sub-query in IN more than once, and would then lock more than the limit
    "postgresql": _TAKE.format(due=f"= ANY(ARRAY({_DUE} FOR UPDATE SKIP LOCKED))") + _COLUMNS,
}
LETTERS = (
    'SELECT id, blob_id, prefix, size, sender, "user", body, smtputf8, requiretls, ret, envid, queued_at, held'
    " FROM outgoing WHERE id IN ({marks})"
)
HELD_NO_MORE = "UPDATE outgoing SET held = 0 WHERE id = ?"
RENEW = "UPDATE outgoing_recipient SET lease_until = ?, next_try = ? WHERE lease_owner = ? AND id IN ({marks}) RETURNING id"
GIVE_BACK = "UPDATE outgoing_recipient SET lease_owner = '', lease_until = 0, next_try = ? WHERE id = ? AND lease_owner = ?"
FORFEIT = "UPDATE outgoing_recipient SET lease_owner = '', lease_until = 0, next_try = ? WHERE lease_until > ? AND lease_owner = ?"
AT_ONCE = 500  # ids in one statement
NEXT_DUE = "SELECT MIN(next_try) FROM outgoing_recipient WHERE channel = ? AND state = ?"


def take(tx: Tx, channel: str, owner: str, now: int, until: int, limit: int, state: int = WAITING) -> list[tuple[Letter, list[Addressee]]]:
    """Claim up to ``limit`` due recipients of ``channel`` until ``until`` (ms), oldest letter first, with their letters."""
    rows = tx.execute(TAKE[tx.dialect], (owner, until, until, channel, state, now, limit))
    found: dict[int, list[Addressee]] = {}
    for row in sorted(rows):  # by id: oldest first
        addressee = Addressee(*row)
        found.setdefault(addressee.letter_id, []).append(addressee)
    letters = _load(tx, sorted(found))
    return [(letter, found[letter.id]) for letter in letters]


def _load(tx: Tx, ids: Sequence[int]) -> list[Letter]:
    """The letters of these ids, in order of id."""
    if not ids:
        return []
    rows = tx.execute(LETTERS.format(marks=",".join("?" * len(ids))), ids)
    for row in rows:
        if row[-1]:  # held on a timer that has run out: from now on it just waits
            tx.execute(HELD_NO_MORE, (row[0],))
    return sorted((_letter(row) for row in rows), key=lambda letter: letter.id)


def _letter(row: Sequence[Any]) -> Letter:
    number, blob_id, prefix, size, sender, user, body, smtputf8, requiretls, ret, envid, queued_at, _ = row
    return Letter(number, blob_id, bytes(prefix), size, sender, user, body, bool(smtputf8), bool(requiretls), ret, envid, queued_at)


def renew(tx: Tx, ids: Iterable[int], owner: str, until: int) -> set[int]:
    """Hold these recipients until ``until`` (ms); gives those that are still ours, the others stay as they are."""
    numbers, held = sorted(ids), set[int]()
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        held.update(row[0] for row in tx.execute(RENEW.format(marks=",".join("?" * len(some))), (until, until, owner, *some)))
    return held


def give_back(tx: Tx, ids: Iterable[int], owner: str, next_try: int) -> None:
    """Let anybody try these recipients from ``next_try`` (ms) on; nothing counts as an attempt."""
    tx.many(GIVE_BACK, [(next_try, number, owner) for number in sorted(ids)])


def forfeit(tx: Tx, owner: str, now: int) -> None:
    """A worker is known to be dead: what it had claimed is due now."""
    tx.execute(FORFEIT, (now, now, owner))


def next_due(tx: Tx, channel: str, state: int = WAITING) -> int | None:
    """When the next recipient of the channel is due (ms), claimed ones included by the end of their lease; None when nothing waits."""
    row = tx.one(NEXT_DUE, (channel, state))
    return None if row is None else row[0]
