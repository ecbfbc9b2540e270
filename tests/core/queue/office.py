"""A whole queue on a real database, with a scripted sender and a clock that tests move by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from postroom import ids
from postroom.mail.client import Client
from postroom.mail.delivery import Delivered, Failed, Outcome, Refuse, Route, ToMailbox, ToQueue, TryLater
from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.reply import Reply
from postroom.mail.sending import SessionBounds
from postroom.provided import Outgoing, SendingRules
from postroom.queue.bounce import Reports
from postroom.queue.desk import Desk
from postroom.queue.line import Line
from postroom.queue.manage import OutQueue
from postroom.queue.outcome import Finished
from postroom.queue.put import Queue
from postroom.queue.submission import Submission
from postroom.sending.retry import Retry
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database
from postroom.store.mailboxes import Mailboxes
from postroom.store.traces import Traces

START = 1_700_000_000.0
OK = Delivered("250 2.0.0 taken", "mx.test[192.0.2.1]:25")
LATER = TryLater(Reply(451, "4.7.1", "Greylisted, come back"), "mx.test[192.0.2.1]:25")
NEVER = Failed(Reply(550, "5.1.1", "No such user here"), "mx.test[192.0.2.1]:25")


class FakeSender:
    """Answers by a script: address to outcomes in turn (the last repeats), or an exception to raise."""

    name, concurrency = "Relay", 5
    bounds = SessionBounds(1000, 10_000, 100)

    def __init__(self) -> None:
        self.rules = SendingRules()
        self.started = 0
        self.script: dict[str, list[Outcome | Exception]] = {}
        self.sent: list[Outgoing] = []
        self.taken: dict[str, list[bytes]] = {}  # what arrived, by address
        self.dsn = False
        self.by_domain = False

    def site(self, address: str, via: str = "") -> str:
        return address.rpartition("@")[2] if self.by_domain else ""

    def send(self, outgoing: Outgoing) -> dict[int, Outcome]:
        self.sent.append(outgoing)
        if self.dsn:
            outgoing.notes["dsn"] = True
        return {one.id: self._one(one.address, outgoing) for one in outgoing.recipients}

    def start(self, bounds: SessionBounds | None) -> None:
        self.started += 1

    def idle(self) -> None:
        pass

    def _one(self, address: str, outgoing: Outgoing) -> Outcome:
        answers = self.script.get(address, [OK])
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Delivered):
            self.taken.setdefault(address, []).append(b"".join(outgoing.chunks()))
        return answer


class FakeNews:
    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []

    def subscribe(self, topic: str, function: Callable[[dict[str, Any]], None]) -> None:
        pass

    def publish(self, topic: str, **facts: Any) -> None:
        self.published.append((topic, facts))


class FakeLog:
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **facts: Any) -> None:
        self.lines.append((event, facts))

    warning = error = exception = info


class FakeMetrics:
    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        pass


class FakeAsk:
    """Routes by a table: address to route; everything else goes out. Remembers events."""

    def __init__(self) -> None:
        self.routes: dict[str, Route | Exception | None] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.changes: dict[str, Callable[[Any], Any]] = {}  # hook: what a plugin makes of the value

    def transform(self, name: str, argument: str, value: Any, /, **arguments: Any) -> Any:
        return self.changes.get(name, lambda given: given)(value)

    def first(self, name: str, **arguments: Any) -> Any:
        assert name == "route"
        route = self.routes.get(arguments["address"], Route((ToQueue(arguments["address"]),)))
        if isinstance(route, Exception):
            raise route
        return route

    def tell(self, name: str, **arguments: Any) -> None:
        self.told.append((name, arguments))


class Office:
    """One worker's queue."""

    def __init__(self, db: Database, owner: str = "worker-1", clock: list[float] | None = None) -> None:
        self.time = clock if clock is not None else [START]
        self.db, self.blobs = db, Blobs(db, self.clock)
        self.sender, self.ask, self.news = FakeSender(), FakeAsk(), FakeNews()
        ask: Any = self.ask
        parts: Any = self.news, FakeLog(), FakeMetrics()
        news, self.log, metrics = parts
        self.retry = Retry((60.0, 300.0), give_up=3600.0 * 24, warn_after=3600.0 * 4)
        self.reports = Reports(ask, self.blobs, hostname="mail.our.test", domain="our.test", give_up=self.retry.give_up, clock=self.clock)
        self.queue = Queue(db, ask, news, self.reports, self.clock)
        self.line = Line("Internet", self.sender)
        self.desk = Desk(db, self.blobs, self.queue, ask, self.retry, [self.line], owner, self.clock, self.log, metrics)
        self.out = OutQueue(db, self.blobs)
        self.mailboxes = Mailboxes(db, self.blobs)
        self.unsettled: deque[Finished] = deque()

    def clock(self) -> float:
        return self.time[0]

    @property
    def now(self) -> int:
        return int(self.time[0] * 1000)

    def user(self, name: str) -> int:
        """An account that gets the mail to name@our.test; its id."""
        account = Accounts(self.db).add(name)
        self.ask.routes[f"{name}@our.test"] = Route((ToMailbox(account.id, name),))
        return account.id

    def submission(
        self, sender: str, *recipients: str | Recipient, data: bytes = b"Subject: Hi\r\n\r\nHello\r\n", **more: Any
    ) -> Submission:
        envelope = Envelope(sender, **more)
        for one in recipients:
            recipient = one if isinstance(one, Recipient) else Recipient(one)
            recipient.route = recipient.route or self.ask.first("route", address=recipient.address)
            envelope.recipients.append(recipient)
        draft = self.blobs.draft()
        for start in range(0, len(data), 50_000):
            draft.write(data[start : start + 50_000])
        draft.seal()
        client = Client("s1", "SMTP", "192.0.2.9", helo="pc.test", service_name="SMTP")
        return Submission(envelope, draft, b"Received: from pc.test\r\n", client, ids.new_id())

    def put(self, sender: str, *recipients: str | Recipient, **more: Any) -> int:
        """Put a message into the queue; its id."""
        return ids.parse(self.queue.put(self.submission(sender, *recipients, **more)))

    def hand_over(self) -> None:
        """From now on fresh mail goes straight to this worker."""
        self.queue.handover = self.desk

    def work(self, *, settle: bool = True) -> int:
        """Do what is due now, on this thread; how many attempts that were."""
        count = 0
        self.wait(0.001)  # events of one millisecond are in no order
        while True:
            for finished in self.desk.bounces():
                self.unsettled.append(finished)
            self.desk.fetch(self.line)
            tasks = []
            while (task := self.line.next()) is not None:
                tasks.append(task)
                attempted = self.desk.attempt(self.line, task)
                self.unsettled.extend([] if attempted is None else [attempted])
                self.line.done(task)
                self.line.forget(task)
            if settle and self.unsettled:
                batch = list(self.unsettled)
                self.desk.settle(batch)
                self.unsettled.clear()
            count += len(tasks)
            if not tasks:
                return count

    def wait(self, seconds: float) -> None:
        self.time[0] += seconds

    def rows(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return self.db.read(lambda tx: tx.execute(f"SELECT {columns} FROM {table} ORDER BY id"))

    def events(self, number: int) -> list[str]:
        return [event.event for event in Traces(self.db).life(number)]

    def inbox(self, account: int, folder: str = "INBOX") -> list[bytes]:
        mailbox = self.mailboxes.find(account, folder)
        assert mailbox is not None
        return [b"".join(self.mailboxes.content(mailbox.id, entry.uid)) for entry in self.mailboxes.listing(mailbox.id)]


def refused(text: str = "No such user") -> Route:
    return Route((Refuse(Reply(550, "5.1.1", text)),))


Script = Callable[[Outgoing], dict[int, Outcome]]
