"""The ways out of the queue for one address: which connections and senders would take its mail, when it would leave, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from ..provided import Outgoing, QueuedRecipient
from ..queue.letter import OUT
from ..queue.line import site_of
from ..sending.conditions import Candidate
from ..sending.windows import Sent

if TYPE_CHECKING:
    from ..app import App
    from ..config.connections import ConnectionSettings
    from ..mail.delivery import ToQueue
    from ..mail.envelope import Envelope
    from ..provided import Sender
    from ..queue.line import Line
    from ..sending.filtering import Filter
    from ..store.database import Tx

COUNTED = "SELECT at, messages, recipients FROM sent WHERE sender = ? AND at > ?"
TROUBLE = "SELECT since, next_probe, reason FROM site WHERE sender = ? AND name = ?"
HELD = "SELECT reason FROM surge WHERE account = ? AND released_at = 0"
UNKNOWN = {"age": "how long it waits", "priority": "its priority", "recipients": "its number of recipients", "headers": "its header"}


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


@dataclass(frozen=True)
class Question:
    """What is asked for: a message with one recipient, as senders and as filters see it."""

    message: Outgoing
    candidate: Candidate
    unknown: Mapping[str, str] = field(default_factory=dict)  # facts of the candidate that are not known, in words
    waits_for: str = ""  # the sender and the site that it is known to wait for


def to_come(target: ToQueue, envelope: Envelope, now: float) -> Question:
    """A message that does not exist yet, as far as it is known. ``now``: epoch seconds."""
    user = envelope.user
    message = Outgoing(
        "", envelope.sender, envelope.size, (QueuedRecipient(0, target.address, via=target.via),), lambda: iter((b"\r\n",)),
        user=user, requiretls=envelope.requiretls, smtputf8=envelope.smtputf8, channel=target.channel, queued_at=now,
        client_address=envelope.client.address if envelope.client else "", local_origin=envelope.local_origin or user is not None,
    )  # fmt: skip
    unknown = UNKNOWN if envelope.size else UNKNOWN | {"size": "its size (--size)"}
    return Question(message, Candidate(envelope.sender, target.address, envelope.size, user or ""), unknown)


def ways(app: App, question: Question, now: float) -> list[Way]:
    """Every way out for this message. ``now``: epoch seconds. Raises StoreUnavailable."""
    found = [line for line in app.runner.desk.lines if line.channel == question.message.channel]
    return [Looking(app, question, now, line).way() for line in found]


@dataclass(frozen=True)
class Looking:
    """One look at one line of the queue."""

    app: App
    question: Question
    now: float
    line: Line

    def way(self) -> Way:
        """What comes of it."""
        takes, reason = self._choice()
        first = next((other for other in self.app.runner.desk.fetching.before(self.line) if replace(self, line=other).takes), None)
        if takes and first is not None:
            takes, reason = False, f"{first.name} is asked first and takes it"
        named = {one.name: one for one in self.app.context.config.connections}
        connection = named.get(self.line.name) if self.line.channel == OUT else None
        when, following = ("at once, whatever the schedule says", None) if connection is None else self._when(connection)
        way = Way(connection.name if connection else "", self.line.sender.name, takes, reason, when, following)
        if takes:
            way.how, way.limits, way.trouble = self._how(), list(self._limits()), self._trouble()
        return way

    @property
    def takes(self) -> bool:
        """Whether the sender takes it, if it is asked."""
        return self._choice()[0]

    def _choice(self) -> tuple[bool, str]:
        """Whether the sender takes it, and which rule says so."""
        rules = self.line.sender.rules
        too_large = ""
        if rules.max_size and self.question.candidate.size > rules.max_size:
            too_large = f"it is larger than max_message_size, {rules.max_size} bytes"
            if self.app.runner.desk.fetching.largest(self.line):
                return False, too_large
        taken, reason = self._filtered(rules.takes)
        return taken, f"{too_large}, and than any other sender takes: it comes back to its sender" if taken and too_large else reason

    def _filtered(self, takes: Filter | None) -> tuple[bool, str]:
        """What the filter says."""
        if not takes:
            return True, "it takes all mail"
        choice = takes.takes(self.question.candidate)
        unknown = [words for name, words in self.question.unknown.items() if name in takes.needs]
        return choice.taken, choice.reason + (f"; not known here: {', '.join(unknown)}" if unknown else "")

    def _when(self, connection: ConnectionSettings) -> tuple[str, str | None]:
        """When the connection would send it, in words, and the next start by the schedule."""
        if connection.immediate:
            return "at once: a permanent line", None
        by_hand = f"`postroom connect {connection.name}`"
        if self._paused():
            return f"the schedule is paused: by {by_hand} only", None
        following, words = self._scheduled(connection, by_hand)
        ways = [f"when {connection.when_queued} messages wait"] if connection.when_queued else []
        ways += ["when a message is urgent"] if connection.when_urgent else []
        return "; ".join([words, *ways]), following

    def _paused(self) -> bool:
        from ..queue.timetable import PAUSE_FILE, is_paused

        return self.app.context.db.read(is_paused) or (self.app.context.config.server.data_dir / PAUSE_FILE).exists()

    def _scheduled(self, connection: ConnectionSettings, by_hand: str) -> tuple[str | None, str]:
        from ..queue.connections import named
        from ..sending.schedule import next_start

        config = self.app.context.config
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
            connection = self.line.name if self.line.channel == OUT else ""
            return tell(replace(self.question.message, by=self.line.sender.name, connection=connection))
        except Exception as error:  # a plugin's bug is only its own
            return [f"the sender cannot tell how: {str(error) or type(error).__name__}"]

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
        if sender.bounds.leave_rest:
            yield f"a run takes {sender.bounds.messages} messages and {sender.bounds.recipients} recipients at most"

    def _trouble(self) -> str | None:
        """Since when the destination fails, None when it does not."""
        sender = self.line.sender
        known, _, site = self.question.waits_for.partition(" ")
        key = (sender.name, site if known == sender.name else known_site(sender, self.question.message))
        row = self.app.context.db.read(lambda tx: tx.one(TROUBLE, key))
        if row is None:
            return None
        (since, probe, reason), zone = row, self.app.context.config.server.zone
        # then the next message whose turn comes tries it, and that may be later
        following = f"is not tried before {shown(probe / 1000, zone)}" if probe > self.now * 1000 else "is tried with the next message"
        return f"it cannot be reached since {shown(since / 1000, zone)}: {reason}; it {following}"


def known_site(sender: Sender, message: Outgoing) -> str:
    """The site of the message, "" when the sender cannot say."""
    try:
        return site_of(sender, message)
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
