"""Sites that fail as a whole: their mail waits while one attempt at a time finds out whether they are back.

A site is what a sender's ``site()`` says: the servers of a domain, or "" for a relay. It is down when an attempt has failed for
another reason than the server's answer to the message. Then nothing is sent to it until ``next_probe``; the first whose turn comes after
that wins the probe (in the database: one of all workers and nodes), and if it fails, the next one comes later, by the sender's retry
schedule. When it works again, everything that waits for it is due at once. Whoever hears of that looks for such mail once more: an
attempt that still heard of the trouble may be recorded after the mail was woken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..mail.delivery import Kind, TryLater
from ..mail.reply import Reply

if TYPE_CHECKING:
    from ..news import Fact, News
    from ..sending.retry import Retry
    from ..store.database import Database, Tx

PROBE = 60_000  # milliseconds until another probe is allowed when one ends in nothing: as long as the lease of its mail, if its worker dies
ALL = "SELECT sender, name, failures, since, next_probe, reason, server, kind FROM site"
ONE = ALL + " WHERE sender = ? AND name = ?"
FAIL = (
    "INSERT INTO site (sender, name, failures, since, next_probe, reason, server, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (sender, name) DO UPDATE SET failures = excluded.failures, next_probe = excluded.next_probe, reason = excluded.reason,"
    " server = excluded.server, kind = excluded.kind, prober = ''"
)
WIN = "UPDATE site SET next_probe = ?, prober = ? WHERE sender = ? AND name = ? AND next_probe <= ? RETURNING name"
LEAVE = "UPDATE site SET next_probe = ?, prober = '' WHERE prober = ? AND next_probe > ?"
BACK = "DELETE FROM site WHERE sender = ? AND name = ? RETURNING name"
WAKE = (
    "UPDATE outgoing_recipient SET next_try = ?, waits_for = '' WHERE id IN (SELECT id FROM outgoing_recipient"
    " WHERE waits_for = ? AND waits_for <> '' AND state = 0 AND lease_until <= ? LIMIT ?) AND lease_until <= ? RETURNING id"
)
WOKEN = 2000  # rows of one transaction: others want to write too
FORGET = "DELETE FROM site WHERE next_probe < ?"

Key = tuple[str, str]  # sender, site


@dataclass(frozen=True, slots=True)
class Down:
    """A site that fails. Times are milliseconds since 1970."""

    failures: int
    since: int
    next_probe: int
    reason: str  # the reply, as it would be recorded
    server: str
    kind: Kind

    @property
    def outcome(self) -> TryLater:
        """What mail for it comes to without an attempt."""
        code, _, rest = self.reason.partition(" ")
        enhanced, _, text = rest.partition(" ")
        return TryLater(Reply(int(code), enhanced, text), self.server, self.kind)


def waiting_for(sender: str, site: str) -> str:
    """What ``outgoing_recipient.waits_for`` says."""
    return f"{sender} {site}"


class Sites:
    """The sites that are down, as this worker, ``owner``, knows them. ``clock``: epoch seconds."""

    def __init__(self, db: Database, news: News, clock: Callable[[], float], owner: str) -> None:
        self.db, self.news, self.clock, self.owner = db, news, clock, owner
        self.down: dict[Key, Down] = {}
        self._awaited: dict[Key, int] = {}  # the probe (ms) for which one message of this worker is ready
        self._back: set[Key] = set()  # that are back, and whose mail is to be woken
        self._noted: dict[Key, int] = {}  # when a failure was noted here last (ms)

    def start(self) -> None:
        """Begin to hear of what other workers find out; the rest is in the database. Raises StoreUnavailable."""
        self.news.subscribe("site", self._heard)
        self.refresh()

    def refresh(self) -> None:
        """Take over what stands in the database: news may get lost. Raises StoreUnavailable."""
        rows = self.db.read_slow(lambda tx: tx.execute(ALL))
        known, self.down = self.down, {(row[0], row[1]): Down(*row[2:]) for row in rows}
        self._noted = {key: at for key, at in self._noted.items() if key in self.down}
        self._awaited = {key: at for key, at in self._awaited.items() if key in self.down}
        self._back.update(key for key in known if key not in self.down)
        self._back.difference_update(self.down)
        while self._back:
            self._wake(*next(iter(self._back)))

    def blocked(self, sender: str, site: str) -> Down | None:
        """The site's trouble when it may not be tried now; None when it may: it works, or this is the probe. Raises StoreUnavailable."""
        known = self.down.get((sender, site))
        if known is None:
            return None
        now = int(self.clock() * 1000)
        if known.next_probe > now and ((known := self._again(sender, site)) is None or known.next_probe > now):
            return known
        if not self.db.write(lambda tx: tx.execute(WIN, (now + PROBE, self.owner, sender, site, now))):
            return self._again(sender, site)
        self.down[sender, site] = Down(known.failures, known.since, now + PROBE, known.reason, known.server, known.kind)
        return None

    def _again(self, sender: str, site: str) -> Down | None:
        """As it stands now: another worker may have found out more."""
        row = self.db.read(lambda tx: tx.one(ONE, (sender, site)))
        if row is None:
            if self.down.pop((sender, site), None) is not None:
                self._back.add((sender, site))
            return None
        found = self.down[sender, site] = Down(*row[2:])
        return found

    def failed(self, sender: str, site: str, outcome: TryLater, retry: Retry, began: int) -> Down:
        """An attempt that began at ``began`` (ms) has failed for the site as a whole; when it is tried next. Raises StoreUnavailable."""
        now = int(self.clock() * 1000)
        known = self.down.get((sender, site))
        if known is not None and began <= self._noted.get((sender, site), -1):
            return known  # attempts side by side: one failure
        self._noted[sender, site] = now
        since, failures = (known.since, known.failures + 1) if known is not None else (now, 1)
        wait = retry.delay(failures, now, outcome.kind)
        reply = outcome.reply
        reason = str(Reply(reply.code, reply.enhanced or "4.0.0", reply.text)).replace("\x00", " ")[:1000]
        down = Down(failures, since, now + int(wait * 1000), reason, outcome.server, outcome.kind)
        values = (sender, site, down.failures, down.since, down.next_probe, down.reason, down.server, down.kind)
        self.db.write(lambda tx: tx.do(FAIL, values))
        self.down[sender, site] = down
        self.news.publish("site", sender=sender, site=site)
        return down

    def works(self, sender: str, site: str) -> bool:
        """It has answered: forget its trouble and wake its mail; False when there was none. Raises StoreUnavailable."""
        if self.down.pop((sender, site), None) is None:
            return False
        self._noted.pop((sender, site), None)
        self._back.add((sender, site))
        self.db.write(lambda tx: tx.execute(BACK, (sender, site)))
        self.news.publish("site", sender=sender, site=site)
        self._wake(sender, site)
        return True

    def _wake(self, sender: str, site: str) -> None:
        """What waits for it is due now. Raises StoreUnavailable; the next ``refresh`` tries again."""
        now = int(self.clock() * 1000)
        values = (now, waiting_for(sender, site), now, WOKEN, now)
        while woken := len(self.db.write(lambda tx: tx.execute(WAKE, values))):
            self.news.publish("queue")
            if woken < WOKEN:
                break
        self._back.discard((sender, site))

    def waited(self, sender: str, site: str) -> None:
        """It is recorded now that mail waits for it: that mail is to be woken when it is back already."""
        if (sender, site) not in self.down:
            self._back.add((sender, site))

    def awaited(self, sender: str, site: str, probe: int) -> bool:
        """True for the first that asks for this probe (ms): one message is there when its time comes, the others may come later."""
        first = self._awaited.get((sender, site)) != probe
        self._awaited[sender, site] = probe
        return first

    def leave(self) -> None:
        """Whoever comes first may have our probes: we stop, or have just started and so were dead. Raises StoreUnavailable."""
        now = int(self.clock() * 1000)
        self.db.write(lambda tx: tx.do(LEAVE, (now, self.owner, now)))

    def _heard(self, fact: Fact) -> None:
        sender, site = str(fact.get("sender", "")), str(fact.get("site", ""))
        self._again(sender, site)


def forget(tx: Tx, before: int) -> None:
    """Remove sites that nobody has tried since ``before`` (ms): their mail is gone."""
    tx.do(FORGET, (before,))
