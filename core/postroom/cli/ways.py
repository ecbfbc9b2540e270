"""The ways out of the queue for one address: which connections and senders would take its mail, when it would leave, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from ..provided import Outgoing, QueuedRecipient
from ..queue.letter import OUT
from ..sending.windows import Sent

if TYPE_CHECKING:
    from ..app import App
    from ..config.schema import ConnectionSettings
    from ..mail.delivery import ToQueue
    from ..mail.envelope import Envelope
    from ..provided import Sender
    from ..queue.line import Line
    from ..store.database import Tx

COUNTED = "SELECT at, messages, recipients FROM sent WHERE sender = ? AND at > ?"
TROUBLE = "SELECT since, next_probe, reason FROM site WHERE sender = ? AND name = ?"
HELD = "SELECT reason FROM surge WHERE account = ? AND released_at = 0"
UNKNOWN_HERE = {"age": "how long it waits", "priority": "its priority", "recipients": "its number of recipients", "headers": "its header"}


@dataclass
class Way:
    """One connection, or a sender with a queue of its own, as it stands towards one recipient. Times are in the zone of the server."""

    connection: str  # "" when the sender has a queue of its own
    sender: str
    takes: bool
    reason: str  # why it takes it or not
    when: str
    next: str | None = None  # the start of its next run by the schedule
    how: list[str] = field(default_factory=list)  # the sender's own words
    limits: list[str] = field(default_factory=list)  # rates that hold just now
    trouble: str | None = None  # the destination fails since …

    @property
    def name(self) -> str:
        """As people see it."""
        return f"{self.connection} (sender {self.sender})" if self.connection else f"sender {self.sender}"


def ways(app: App, target: ToQueue, envelope: Envelope, now: float) -> list[Way]:
    """Every way out for the target. ``now``: epoch seconds. Raises StoreUnavailable."""
    found = [line for line in app.runner.desk.lines if line.channel == target.channel]
    return [Looking(app, target, envelope, now, line).way() for line in found]


@dataclass(frozen=True)
class Looking:
    """One look at one line of the queue."""

    app: App
    target: ToQueue
    envelope: Envelope
    now: float
    line: Line

    def way(self) -> Way:
        """What comes of it."""
        takes, reason = self._choice()
        named = {one.name: one for one in self.app.context.config.connections}
        connection = named.get(self.line.name) if self.line.channel == OUT else None
        when, following = ("at once, whatever the schedule says", None) if connection is None else self._when(connection)
        way = Way(connection.name if connection else "", self.line.sender.name, takes, reason, when, following)
        if takes:
            way.how, way.limits, way.trouble = self._how(), list(self._limits()), self._trouble()
        return way

    def _choice(self) -> tuple[bool, str]:
        """Whether the sender takes it, and which rule says so."""
        from ..sending.filtering import Candidate

        rules = self.line.sender.rules
        if rules.max_size and self.envelope.size > rules.max_size:
            return False, f"it is larger than max_message_size, {rules.max_size} bytes"
        if not rules.takes:
            return True, "it takes all mail"
        candidate = Candidate(self.envelope.sender, self.target.address, self.envelope.size, self.envelope.user or "")
        choice = rules.takes.takes(candidate)
        unknown = [words for name, words in UNKNOWN_HERE.items() if name in rules.takes.needs]
        if "size" in rules.takes.needs and not self.envelope.size:
            unknown.append("its size (--size)")
        return choice.taken, choice.reason + (f"; not known here: {', '.join(unknown)}" if unknown else "")

    def _when(self, connection: ConnectionSettings) -> tuple[str, str | None]:
        """When the connection would send it, in words, and the next start by the schedule."""
        if connection.immediate:
            return "at once: a permanent line", None
        ways = [f"when {connection.when_queued} messages wait"] if connection.when_queued else []
        ways += ["when a message is urgent"] if connection.when_urgent else []
        following, words = self._scheduled(connection)
        return "; ".join([words, *ways]), following

    def _scheduled(self, connection: ConnectionSettings) -> tuple[str | None, str]:
        from ..queue.connections import named
        from ..queue.timetable import PAUSE_FILE, is_paused
        from ..sending.schedule import next_start

        config = self.app.context.config
        by_hand = f"`postroom connect {connection.name}`"
        if self.app.context.db.read(is_paused) or (config.server.data_dir / PAUSE_FILE).exists():
            return None, f"the schedule is paused: by {by_hand} only"
        items = [one.item() for one in config.schedule]
        own = [item for item in items if item.denies or any(connection.name in named(config.connections, word) for word in item.connect)]
        found = next_start(own, datetime.fromtimestamp(self.now, UTC), config.server.zone)
        if found is None:
            return None, f"the schedule never starts it: by {by_hand} only"
        moment = shown(found.timestamp(), config.server.zone)
        return moment, f"with the next run by the schedule, {moment}"

    def _how(self) -> list[str]:
        """The sender's own words, if it has some."""
        tell: Callable[[Outgoing], list[str]] | None = getattr(self.line.sender, "explain", None)
        if tell is None:
            return []
        try:
            return tell(self._outgoing())
        except Exception as error:  # a plugin's bug is only its own
            return [f"the sender cannot tell how: {str(error) or type(error).__name__}"]

    def _outgoing(self) -> Outgoing:
        """What the sender would get, as far as it is known."""
        envelope, target, sender = self.envelope, self.target, self.line.sender
        return Outgoing(
            "", envelope.sender, envelope.size, (QueuedRecipient(0, target.address, via=target.via),), lambda: iter((b"\r\n",)),
            user=envelope.user, requiretls=envelope.requiretls, smtputf8=envelope.smtputf8, channel=target.channel, queued_at=self.now,
            client_address=envelope.client.address if envelope.client else "",
            local_origin=envelope.local_origin or envelope.user is not None,
            by=sender.name, connection=self.line.name if self.line.channel == OUT else "",
        )  # fmt: skip

    def _limits(self) -> Iterator[str]:
        sender = self.line.sender
        rate = sender.rules.rate
        if rate is not None:
            since = int((self.now - rate.per) * 1000)
            rows = self.app.context.db.read_slow(lambda tx: tx.execute(COUNTED, (sender.name, since)))
            free = rate.room([Sent(at / 1000, messages, recipients) for at, messages, recipients in rows], self.now)
            parts = [("messages", rate.messages, free.messages), ("recipients", rate.recipients, free.recipients)]
            left = ", ".join(f"{now} of {limit} {what}" for what, limit, now in parts if limit is not None)
            words = "" if free.free else f"; the next may go {shown(free.next_at, self.app.context.config.server.zone)}"
            yield f"rate: {left} in {rate.per:.0f} seconds are left{words}"
        if sender.rules.wait_for_login:
            yield "it begins when a collector of the connection has logged in"
        if sender.rules.only_waiting:
            yield "a run takes what waits at its start only"

    def _trouble(self) -> str | None:
        """Since when the destination fails, None when it does not."""
        sender = self.line.sender
        key = (sender.name, site_of(sender, self.target))
        row = self.app.context.db.read(lambda tx: tx.one(TROUBLE, key))
        if row is None:
            return None
        (since, probe, reason), zone = row, self.app.context.config.server.zone
        begun, following = shown(since / 1000, zone), shown(probe / 1000, zone)
        return f"it cannot be reached since {begun}: {reason}; the next attempt is made {following}"


def site_of(sender: Sender, target: ToQueue) -> str:
    """The site of the target, "" when the sender cannot say."""
    try:
        return sender.site(target.address, target.via)
    except Exception:  # a plugin's bug is only its own
        return ""


def shown(moment: float, zone: tzinfo) -> str:
    """A time (epoch seconds) for people."""
    return datetime.fromtimestamp(moment, zone).isoformat(sep=" ", timespec="seconds")


def held(tx: Tx, user: str) -> str | None:
    """Why what this user sends to other servers is held, None when it is not."""
    row = tx.one(HELD, (user,))
    return None if row is None else str(row[0])


def public(way: Way) -> dict[str, Any]:
    """The way for programs."""
    return asdict(way)
