"""Claims due mail for one worker, so that no other takes it, for as long as the lease holds.

While a recipient is claimed its ``next_try`` is the end of the lease: a worker that dies needs nobody to clean up after it,
its mail is simply due again when the lease is over. And the search for due mail never steps over mail that is being sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .letter import WAITING, Addressee, Letter

if TYPE_CHECKING:
    from ..store.database import Row, Tx

_DUE = "SELECT id FROM outgoing_recipient WHERE channel = ? AND state = ? AND rank = ? AND next_try <= ? ORDER BY next_try LIMIT ?"
_NAMED = "SELECT id FROM outgoing_recipient WHERE id IN ({marks}) AND state = ? AND next_try <= ?"
_TAKE = "UPDATE outgoing_recipient SET lease_owner = ?, lease_until = ?, next_try = ? WHERE id {due}"
_COLUMNS = " RETURNING id, outgoing_id, address, original, notify, orcpt, attempts, warned, via, last_try, last_reply"
# ANY(ARRAY(…)): the planner may run a sub-query in IN more than once, and would then lock more than the limit
_PICK = {"sqlite": "IN ({due})", "postgresql": "= ANY(ARRAY({due} FOR UPDATE SKIP LOCKED))"}
TAKE = {dialect: _TAKE.format(due=pick.format(due=_DUE)) + _COLUMNS for dialect, pick in _PICK.items()}
TAKE_NAMED = {dialect: _TAKE.format(due=pick.format(due=_NAMED)) + _COLUMNS for dialect, pick in _PICK.items()}
RANKS = (0, 1, 2)  # urgent, ordinary, after the others: each is an equality, so that mail which is not due costs nothing
LETTERS = (
    'SELECT id, blob_id, prefix, size, sender, "user", body, smtputf8, requiretls, ret, envid, queued_at, priority, client_address,'
    " local_origin, quiet, delete_at, let_go_at, recipients, held FROM outgoing WHERE id IN ({marks})"
)
HELD_NO_MORE = "UPDATE outgoing SET held = 0, let_go_at = ? WHERE id = ?"
RENEW = "UPDATE outgoing_recipient SET lease_until = ?, next_try = ? WHERE lease_owner = ? AND id IN ({marks}) RETURNING id"
GIVE_BACK = "UPDATE outgoing_recipient SET lease_owner = '', lease_until = 0, next_try = ? WHERE id = ? AND lease_owner = ?"
FORFEIT = "UPDATE outgoing_recipient SET lease_owner = '', lease_until = 0, next_try = ? WHERE lease_until > ? AND lease_owner = ?"
AT_ONCE = 500  # ids in one statement
NEXT_DUE = "SELECT MIN(next_try) FROM outgoing_recipient WHERE channel = ? AND state = ? AND rank = ? AND next_try > ?"


Claimed = list[tuple[Letter, list[Addressee]]]


def take(tx: Tx, channel: str, owner: str, now: int, until: int, limit: int, state: int = WAITING) -> Claimed:
    """Claim up to ``limit`` due recipients of ``channel`` until ``until`` (ms), with their letters: urgent ones first, then the oldest."""
    rows: list[Row] = []
    for rank in RANKS:
        if len(rows) < limit:
            rows += tx.execute(TAKE[tx.dialect], (owner, until, until, channel, state, rank, now, limit - len(rows)))
    return sorted(_claimed(tx, rows, now), key=_urgency)


def take_named(tx: Tx, numbers: Sequence[int], owner: str, now: int, until: int) -> Claimed:
    """Claim those of these recipients that are still waiting and due; their letters in the order of ``numbers``."""
    if not numbers:
        return []
    place = {number: index for index, number in enumerate(numbers)}
    statement = TAKE_NAMED[tx.dialect].replace("{marks}", ",".join("?" * len(numbers)))
    found = _claimed(tx, tx.execute(statement, (owner, until, until, *sorted(numbers), WAITING, now)), now)
    return sorted(found, key=lambda one: min(place[addressee.id] for addressee in one[1]))


def _urgency(one: tuple[Letter, list[Addressee]]) -> int:
    return -one[0].priority


def _claimed(tx: Tx, rows: Sequence[Row], now: int) -> Claimed:
    found: dict[int, list[Addressee]] = {}
    for row in sorted(rows):  # by id: oldest first
        addressee = Addressee(*row)
        found.setdefault(addressee.letter_id, []).append(addressee)
    return [(letter, found[letter.id]) for letter in _load(tx, sorted(found), now)]


def _load(tx: Tx, ids: Sequence[int], now: int) -> list[Letter]:
    """The letters of these ids, in order of id."""
    if not ids:
        return []
    rows = tx.execute(LETTERS.format(marks=",".join("?" * len(ids))), ids)
    letters = []
    for *row, held in rows:
        letter = _letter(row)
        if held:  # held on a timer that has run out: from now on it just waits
            letter.let_go_at = now
            tx.execute(HELD_NO_MORE, (now, letter.id))
        letters.append(letter)
    return sorted(letters, key=lambda letter: letter.id)


def _letter(row: Sequence[Any]) -> Letter:
    number, blob_id, prefix, size, sender, user, body, smtputf8, requiretls, ret, envid, queued_at, *rest = row
    priority, client_address, local_origin, quiet, delete_at, let_go_at, recipients = rest
    return Letter(
        number, blob_id, bytes(prefix), size, sender, user, body, bool(smtputf8), bool(requiretls), ret, envid, queued_at,
        priority=priority, client_address=client_address, local_origin=bool(local_origin), quiet=bool(quiet), delete_at=delete_at,
        let_go_at=let_go_at, recipients=recipients,
    )  # fmt: skip


def renew(tx: Tx, ids: Iterable[int], owner: str, until: int) -> set[int]:
    """Hold these recipients until ``until`` (ms); gives those that are still ours, the others stay as they are."""
    numbers, held = sorted(ids), set[int]()
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        held.update(row[0] for row in tx.execute(RENEW.format(marks=",".join("?" * len(some))), (until, until, owner, *some)))
    return held


def give_back(tx: Tx, places: Iterable[tuple[int, int]], owner: str) -> None:
    """Let anybody try these recipients: each from its next try (ms) on; ``places`` are these and the ids. Nothing counts as an attempt."""
    tx.many(GIVE_BACK, [(next_try, number, owner) for next_try, number in sorted(places, key=lambda place: place[1])])


def forfeit(tx: Tx, owner: str, now: int) -> None:
    """A worker is known to be dead: what it had claimed is due now."""
    tx.execute(FORFEIT, (now, now, owner))


def next_due(tx: Tx, channel: str, state: int = WAITING, after: int = -1) -> int | None:
    """When the next recipient of the channel is due (ms), claimed ones included by the end of their lease; None when nothing waits.

    ``after``: of those only that are due later.
    """
    found = [row[0] for rank in RANKS if (row := tx.one(NEXT_DUE, (channel, state, rank, after))) is not None and row[0] is not None]
    return min(found, default=None)
