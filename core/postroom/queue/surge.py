"""Accounts that suddenly send far more than they ever did: counted with each message, held in the same transaction, released by a command.

Exact over workers: the row of the account's hour is written first, so that all who send for one account stand in one line (PostgreSQL
keeps the row until the commit, SQLite has one writer), and whoever comes next sees whether the account is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..sending.surge import DAY, History, SurgeRule
from ..store import traces
from .letter import HELD, HELD_BY_SURGE, OUT, WAITING

if TYPE_CHECKING:
    from ..asking import Asker
    from ..mail.envelope import Envelope
    from ..metrics import Metrics
    from ..store.database import Database, Tx

HOUR = 3_600_000  # milliseconds
REMEMBERED = 10_000  # accounts whose usual numbers a worker keeps at hand
KEPT_HOURS = 60 * DAY  # of an account's habits
AT_ONCE = 500  # messages released in one transaction

COUNT = (
    "INSERT INTO habit (account, hour, messages, recipients) VALUES (?, ?, ?, ?) ON CONFLICT (account, hour) DO UPDATE SET"
    " messages = habit.messages + excluded.messages, recipients = habit.recipients + excluded.recipients RETURNING recipients"
)
UNCOUNT = "UPDATE habit SET messages = messages - ?, recipients = recipients - ? WHERE account = ? AND hour = ?"
STANDING = (
    "SELECT (SELECT SUM(recipients) FROM habit WHERE account = ? AND hour > ? AND hour < ?), released_at, allowed, allowed_day, reason"
    " FROM (SELECT 1 AS one) AS always LEFT JOIN surge ON account = ?"
)
# The most in one hour and in 24 hours in a row: what was usual before the last day, so that nobody works up to more within a day
USUAL = (
    "SELECT MAX(recipients), MAX(in_day) FROM (SELECT recipients, SUM(recipients) OVER (ORDER BY hour RANGE BETWEEN 23 PRECEDING AND"
    " CURRENT ROW) AS in_day FROM habit WHERE account = ? AND hour <= ?) AS past"
)
BEGIN = (
    "INSERT INTO surge (account, at, reason, released_at, allowed, allowed_day, told) VALUES (?, ?, ?, 0, 0, 0, 0)"
    " ON CONFLICT (account) DO UPDATE SET at = excluded.at, reason = excluded.reason, released_at = 0, told = 0"
    " WHERE surge.released_at <> 0 RETURNING account"  # nothing when another has begun it meanwhile, as at the turn of an hour
)
SURGE = "SELECT at, reason FROM surge WHERE account = ? AND released_at = 0"
WAITS = (
    "SELECT COUNT(DISTINCT o.id), COUNT(r.id) FROM outgoing o JOIN outgoing_recipient r ON r.outgoing_id = o.id"
    ' WHERE o."user" = ? AND o.held = ? AND r.channel = ?'
)
DAY_SUM = "SELECT SUM(recipients) FROM habit WHERE account = ? AND hour > ?"
RELEASE = (
    "UPDATE surge SET released_at = ?, allowed = CASE WHEN allowed > ? THEN allowed ELSE ? END,"
    " allowed_day = CASE WHEN allowed_day > ? THEN allowed_day ELSE ? END WHERE account = ?"
)
HELD_ONES = 'SELECT id FROM outgoing WHERE "user" = ? AND held = ? ORDER BY id LIMIT ?'
LET_GO = (
    "UPDATE outgoing_recipient SET state = ?, next_try = CASE WHEN next_try > ? THEN next_try ELSE ? END"
    " WHERE state = ? AND outgoing_id = ?"
)
FORGET = "DELETE FROM habit WHERE hour < ?"


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a message is held."""

    account: str
    reason: str
    began: bool  # this message is the one with which it began


@dataclass(frozen=True, slots=True)
class Counting:
    """What one message adds to the habits of its account."""

    account: str
    at: int  # ms since 1970
    recipients: int
    usual: tuple[int, int]  # the most so far in one hour, and in one day
    rule: SurgeRule

    def count(self, tx: Tx) -> Finding | None:
        """Count the message; when its account is held, or has to be from now on, why. What is held does not count as sent."""
        hour = self.at // HOUR
        counted = tx.one(COUNT, (self.account, hour, 1, self.recipients))
        standing = tx.one(STANDING, (self.account, hour - DAY, hour, self.account))
        assert counted is not None
        assert standing is not None
        before, released_at, allowed, allowed_day, reason = standing
        began = released_at != 0
        if began:
            # What others have added since is theirs to judge: each looks at the sum right after its own
            hours = {hour: counted[0] - self.recipients, hour - 1: int(before or 0)}
            history = History(hours, max(self.usual[0], allowed or 0), max(self.usual[1], allowed_day or 0))
            reason = self.rule.judge(history, hour, self.recipients)
            if reason is None:
                return None
            # before the count is taken back: who counts after that sees this row
            began = tx.one(BEGIN, (self.account, self.at, reason)) is not None
        tx.do(UNCOUNT, (1, self.recipients, self.account, hour))
        return Finding(self.account, reason, began)


class Surges:
    """Looks after the accounts of one worker."""

    def __init__(self, db: Database, rule: SurgeRule, ask: Asker, log: Any, metrics: Metrics) -> None:
        self.db, self.rule, self.ask, self.log, self.metrics = db, rule, ask, log, metrics
        self._usual: dict[str, tuple[int, tuple[int, int]]] = {}  # account -> hour in which it was looked up, numbers

    def counting(self, envelope: Envelope, queued: dict[str, list[Any]], at: int) -> Counting | None:
        """What to count for a message; None when nobody is logged in or nothing of it goes to other servers. Raises StoreUnavailable."""
        recipients = len(queued.get(OUT, ()))
        if envelope.user is None or not recipients:
            return None
        return Counting(envelope.user, at, recipients, self._look(envelope.user, at // HOUR), self.rule)

    def announce(self, finding: Finding) -> None:
        """An account is held from now on: tell the log, the metrics and the plugins. The administrator's mail is ``alert``'s work."""
        self.log.error("account.held", account=finding.account, reason=finding.reason)
        self.metrics.count("accounts_held")
        self.ask.tell("account_held", account=finding.account, reason=finding.reason)

    def _look(self, account: str, hour: int) -> tuple[int, int]:
        looked, numbers = self._usual.get(account, (-1, (0, 0)))
        if looked != hour:
            row = self.db.read(lambda tx: tx.one(USUAL, (account, hour - DAY)))
            numbers = (int(row[0] or 0), int(row[1] or 0)) if row else (0, 0)
            if len(self._usual) >= REMEMBERED:
                self._usual.clear()
            self._usual[account] = hour, numbers
        return numbers


def held_since(db: Database, account: str) -> tuple[int, str] | None:
    """Since when (ms) an account is held, and why; None when it is not."""
    row = db.read(lambda tx: tx.one(SURGE, (account,)))
    return None if row is None else (row[0], row[1])


def release(db: Database, account: str, now: int) -> int | None:
    """Let go what is held, and take as much as that for usual from now on; how many messages. None when nothing was held.

    In small transactions; after a break a second call goes on.
    """
    known = held_since(db, account) is not None
    if known:
        db.write(lambda tx: _allow(tx, account, now))
    count = 0
    while found := db.write(lambda tx: _let_go(tx, account, now)):
        count += found
    return count if known or count else None


def _allow(tx: Tx, account: str, now: int) -> None:
    hour = now // HOUR
    tx.one(COUNT, (account, hour, 0, 0))  # stand in line
    messages, recipients = tx.one(WAITS, (account, HELD_BY_SURGE, OUT)) or (0, 0)
    counted = tx.one(COUNT, (account, hour, messages, recipients))  # they leave now
    in_day = tx.one(DAY_SUM, (account, hour - DAY))
    in_hour, day = (counted or (0,))[0], int((in_day or (0,))[0] or 0)
    tx.do(RELEASE, (now, in_hour, in_hour, day, day, account))


def _let_go(tx: Tx, account: str, now: int) -> int:
    numbers: Sequence[int] = [row[0] for row in tx.execute(HELD_ONES, (account, HELD_BY_SURGE, AT_ONCE))]
    if numbers:
        tx.many(LET_GO, [(WAITING, now, now, HELD, number) for number in numbers])
        tx.many("UPDATE outgoing SET held = 0, let_go_at = ? WHERE id = ?", [(now, number) for number in numbers])
        traces.record_rows(tx, [traces.row(number, now, "released", {}) for number in numbers])
    return len(numbers)


def forget(db: Database, now: float) -> None:
    """Forget habits of long ago; ``now`` in epoch seconds."""
    end = int(now * 1000) // HOUR - KEPT_HOURS
    db.write(lambda tx: tx.do(FORGET, (end,)))
