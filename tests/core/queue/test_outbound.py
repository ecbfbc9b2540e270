"""What plugins make of a message that enters the queue: other bytes, lines that sign it, priority and holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from postroom import hookimpl
from postroom.asking import Asker, PluginFault
from postroom.hookspecs import new_manager
from postroom.mail.delivery import Route, ToMailbox, ToQueue
from postroom.mail.envelope import Envelope, Recipient
from postroom.mail.message import Message
from postroom.mail.sending import QueuePlan
from postroom.queue.outbound import Outbound, urgent
from postroom.store.database import StoreUnavailable
from postroom.store.traces import Traces
from postroom.testing.miniature import Miniature
from tests.core.queue.office import Office

FOOT = b"-- \r\nOur Company\r\n"
LINES = b"Received: from pc.test\r\n"


class Footer:
    """Puts a text below what leaves, and another below what stays."""

    @hookimpl
    def rewrite_message(self, message: Message, outgoing: bool) -> Message:
        foot = FOOT if outgoing else b"(internal)\r\n"
        return Message(message.head, message.size + len(foot), lambda: iter((*message.chunks(), foot)))


class Signs:
    """Says in a line how long the message is with the lines on top of it."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    @hookimpl
    def sign_message(self, message: Message) -> Sequence[bytes]:
        return [b"X-%s: %d" % (self.name, len(b"".join(message.chunks())))]


class Breaks:
    """Fails where it is asked to sign."""

    @hookimpl
    def sign_message(self) -> None:
        raise RuntimeError("no key")


class BreaksLate:
    """Gives bytes that cannot be read to the end."""

    @hookimpl
    def rewrite_message(self, message: Message) -> Message:
        def chunks() -> Iterator[bytes]:
            yield b"x" * 300_000
            raise RuntimeError("bug")

        return Message(message.head, 300_000, chunks)


class Plans:
    """Changes the plan as it is told."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    @hookimpl
    def outgoing_queued(self, plan: QueuePlan) -> QueuePlan:
        return replace(plan, **self.changes)


class Nonsense:
    """Answers with something that is no plan."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @hookimpl
    def outgoing_queued(self) -> Any:
        return self.answer


Use = Callable[..., None]


@pytest.fixture
def use(office: Office) -> Use:
    """Switches plugins on; ``priorities`` are those of accounts."""

    def switch(*plugins: object, **priorities: int) -> None:
        manager = new_manager()
        for number, plugin in reversed(list(enumerate(plugins))):
            manager.register(plugin, f"{type(plugin).__name__}{number}")
        ask = Asker(manager.hook, lambda: 0.0, lambda plugin, hook, *_: office.log.error("plugin.failed", plugin=plugin, hook=hook))
        office.queue.outbound = Outbound(ask, office.blobs, lambda name: priorities.get(name, 50))

    return switch


def both(office: Office) -> tuple[int, Recipient]:
    """Bob's account, and a recipient that is he and somebody elsewhere."""
    bob = office.user("bob")
    return bob, Recipient("info@our.test", route=Route((ToMailbox(bob, "bob"), ToQueue("x@far.test"))))


def test_without_such_plugins_both_copies_share_their_bytes(office: Office, use: Use) -> None:
    use(Plans())
    _, recipient = both(office)
    office.put("ann@our.test", recipient, user="ann")
    assert len(office.rows("blob", "id")) == 1


def test_what_leaves_and_what_stays_have_bytes_of_their_own(office: Office, use: Use) -> None:
    use(Footer())
    bob, recipient = both(office)
    office.put("ann@our.test", recipient, user="ann")
    office.work()
    assert office.inbox(bob)[0].endswith(b"Hello\r\n(internal)\r\n")
    assert office.sender.taken["x@far.test"] == [LINES + b"Subject: Hi\r\n\r\nHello\r\n" + FOOT]
    assert office.rows("blob", "size") == [
        (len(b"Subject: Hi\r\n\r\nHello\r\n(internal)\r\n"),),
        (len(b"Subject: Hi\r\n\r\nHello\r\n" + FOOT),),
    ]


def test_what_a_stranger_sends_stays_as_it_is_here(office: Office, use: Use) -> None:
    use(Footer())
    bob = office.user("bob")
    office.put("joe@far.test", "bob@our.test")
    assert office.inbox(bob)[0].endswith(b"Hello\r\n")


def test_fresh_mail_goes_out_from_memory_as_it_was_rewritten(office: Office, use: Use) -> None:
    use(Footer(), Signs(b"A"))
    office.hand_over()
    office.put("ann@our.test", "joe@far.test", user="ann")
    assert office.line.held == 1
    office.work()
    size = len(LINES + b"Subject: Hi\r\n\r\nHello\r\n" + FOOT)
    assert office.sender.taken["joe@far.test"] == [b"X-A: %d\r\n" % size + LINES + b"Subject: Hi\r\n\r\nHello\r\n" + FOOT]


def test_a_plugin_signs_with_the_lines_of_those_before_it_on_top(office: Office, use: Use) -> None:
    use(Signs(b"First"), Signs(b"Second"))
    office.put("ann@our.test", "joe@far.test", data=b"Subject: x\r\n\r\n.\r\n", user="ann")
    size = len(LINES) + 17
    first = b"X-First: %d\r\n" % size
    assert office.rows("outgoing", "prefix, size") == [
        (b"X-Second: %d\r\n" % (size + len(first)) + first + LINES, 2 * len(first) + 1 + size)
    ]


def test_whoever_signs_is_shown_the_message_as_it_came_too(office: Office, use: Use) -> None:
    class Compares:
        @hookimpl
        def sign_message(self, message: Message, original: Message) -> Sequence[bytes]:
            return [b"X-Longer: %d" % (message.size - original.size)]

    use(Footer(), Signs(b"First"), Compares())
    office.put("eve@far.test", "joe@far.test", data=b"Subject: x\r\n\r\n.\r\n")
    ((prefix,),) = office.rows("outgoing", "prefix")
    assert prefix.startswith(b"X-Longer: %d\r\nX-First: " % (len(FOOT) + len(prefix.split(b"\r\n")[1]) + 2))


def test_copies_for_mailboxes_are_not_signed(office: Office, use: Use) -> None:
    use(Signs(b"A"))
    bob = office.user("bob")
    office.put("ann@our.test", "bob@our.test", user="ann", local_origin=True)
    assert b"X-A" not in office.inbox(bob)[0]


@pytest.mark.parametrize("plugins", [(Footer(), Breaks()), (BreaksLate(),)], ids=["signing", "rewriting"])
def test_a_plugin_that_fails_is_a_temporary_failure_and_leaves_nothing(office: Office, use: Use, plugins: tuple[object, ...]) -> None:
    use(*plugins)
    office.hand_over()
    with pytest.raises(PluginFault):
        office.put("ann@our.test", "joe@far.test", user="ann", data=b"Subject: x\r\n\r\n" + b"y" * 78 + b"\r\n" * 400_000)
    assert office.rows("blob", "id") == office.rows("outgoing", "id") == office.rows("trace", "id") == []
    assert office.line.held == 0


def test_a_large_message_is_rewritten_in_pieces(office: Office, use: Use) -> None:
    use(Footer())
    data = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 60_000
    _, recipient = both(office)
    office.put("ann@our.test", recipient, user="ann", data=data)
    office.work()
    assert office.sender.taken["x@far.test"] == [LINES + data + FOOT]


@pytest.mark.parametrize("size", [10, 30_000], ids=["small", "large"])
@pytest.mark.parametrize("at", range(6))
def test_a_store_that_goes_away_in_the_middle_keeps_both_copies_or_none(
    office: Office, use: Use, monkeypatch: pytest.MonkeyPatch, at: int, size: int
) -> None:
    use(Footer())
    bob, recipient = both(office)
    submission = office.submission("ann@our.test", recipient, user="ann", data=b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * size)
    write, calls = office.db.write, iter(range(100))

    def failing(fn: Any, **more: Any) -> Any:
        if next(calls) == at:
            raise StoreUnavailable("gone")
        return write(fn, **more)

    with monkeypatch.context() as patch:
        patch.setattr(office.db, "write", failing)
        try:
            office.queue.put(submission)
        except StoreUnavailable:
            assert (office.inbox(bob), office.rows("outgoing", "id")) == ([], [])
            assert [row for row in office.rows("blob", "complete") if row[0]] == []
            return
    office.work()
    assert len(office.inbox(bob)) == len(office.sender.taken["x@far.test"]) == 1
    assert office.sender.taken["x@far.test"][0].endswith(FOOT)


def test_a_transaction_that_fails_at_its_end_keeps_neither_copy(office: Office, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use(Footer())
    bob, recipient = both(office)

    def gone(*arguments: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr("postroom.queue.posting.traces.record_rows", gone)  # the last thing that the transaction writes
        with pytest.raises(StoreUnavailable):
            office.put("ann@our.test", recipient, user="ann")
    assert (office.inbox(bob), office.rows("blob", "id"), office.rows("outgoing", "id")) == ([], [], [])


def test_eight_bits_that_a_plugin_adds_are_declared(office: Office, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.FOOT", "Grüße\r\n".encode())
    use(Footer())
    office.put("ann@our.test", "joe@far.test", user="ann")
    assert office.rows("outgoing", "body") == [("8BITMIME",)]


def test_the_priority_of_the_account_ranks_its_mail(office: Office, use: Use) -> None:
    use(Plans(), ann=80)
    office.hand_over()
    office.put("ann@our.test", "joe@far.test", user="ann")
    office.put("bob@our.test", "joe@far.test", user="bob")
    assert sorted(office.rows("outgoing", "priority")) == [(50,), (80,)]
    assert sorted(office.rows("outgoing_recipient", "rank")) == [(0,), (1,)]
    assert office.line.held == 1  # what overtakes others is found in the queue, not handed on from memory


def test_a_plan_beyond_the_bounds_is_brought_back_into_them(office: Office, use: Use) -> None:
    use(Plans(priority=1000))
    office.put("ann@our.test", "joe@far.test")
    assert office.rows("outgoing", "priority") == [(100,)]


@pytest.mark.parametrize(
    "answer",
    [
        "later",
        QueuePlan(priority="high"),  # type: ignore[arg-type]
        QueuePlan(hold_until=float("inf")),
        QueuePlan(hold_until=float("nan")),
        QueuePlan(delete_at=1e300),
        QueuePlan(hold_until="tomorrow"),  # type: ignore[arg-type]
    ],
)
def test_an_answer_that_is_no_plan_changes_nothing_and_counts_as_a_failure_of_its_plugin(office: Office, use: Use, answer: Any) -> None:
    use(Plans(priority=70), Nonsense(answer))
    office.put("ann@our.test", "joe@far.test")
    assert office.rows("outgoing", "priority, held, delete_at") == [(70, 0, 0)]
    assert ("plugin.failed", {"plugin": "Nonsense1", "hook": "outgoing_queued"}) in office.log.lines


def test_a_message_that_a_plugin_holds_waits_for_its_release(office: Office, use: Use) -> None:
    use(Plans(hold=True, reason="the boss reads it first"))
    office.hand_over()
    number = office.put("ann@our.test", "joe@far.test")
    assert office.work() == 0
    assert ("queue", {"channel": "out"}) not in office.news.published
    assert office.out.show(number, office.now)[0].state == "held"
    office.out.release(number, office.now)
    assert office.work() == 1


def test_a_message_that_is_held_until_a_time_goes_then(office: Office, use: Use) -> None:
    use(Plans(hold_until=office.time[0] + 600))
    office.hand_over()
    number = office.put("ann@our.test", "joe@far.test")
    assert (office.work(), office.out.show(number, office.now)[0].state) == (0, "held on timer")
    office.wait(601)
    assert office.work() == 1


def test_the_end_of_a_message_is_kept_with_it(office: Office, use: Use) -> None:
    use(Plans(delete_at=office.time[0] + 600))
    office.hand_over()
    office.put("ann@our.test", "joe@far.test")
    assert office.rows("outgoing", "delete_at") == [(office.now + 600_000,)]
    assert office.line.held == 0


def test_the_trace_says_until_when_a_message_is_held_and_when_it_goes(office: Office, use: Use) -> None:
    use(Plans(hold_until=1_700_000_600.0, delete_at=1_700_086_400.0))
    number = office.put("ann@our.test", "joe@far.test")
    (accepted,) = Traces(office.db).life(number)
    assert accepted.detail["queue"] == "held until 2023-11-14 22:23:20Z"
    assert accepted.detail["removed_at"] == "2023-11-15 22:13:20Z"


@pytest.mark.parametrize("line", ["Priority: urgent", "priority: Urgent", "X-Priority: 1", "X-Priority: 1 (Highest)", "Importance: high"])
def test_a_header_that_asks_for_haste_is_told_to_the_connections(office: Office, line: str) -> None:
    office.put("ann@our.test", "joe@far.test", data=line.encode() + b"\r\n\r\nHello\r\n")
    assert ("queue", {"channel": "out", "urgent": office.now}) in office.news.published


@pytest.mark.parametrize(
    "line", ["Subject: Priority: urgent", "X-Priority: 3", "Importance: normal", "Priority: non-urgent", "X-Priority: 10"]
)
def test_other_headers_are_not_urgent(line: str) -> None:
    assert not urgent(line.encode() + b"\r\n\r\nPriority: urgent\r\n")


def test_targets_by_different_servers_stay_apart_and_equal_ones_collapse(office: Office) -> None:
    targets = ToQueue("x@far.test", "LAN", "192.0.2.1"), ToQueue("x@far.test", "LAN", "192.0.2.2")
    office.put("ann@our.test", *(Recipient(f"{n}@our.test", route=Route((target,))) for n, target in enumerate((*targets, targets[0]))))
    assert office.rows("outgoing_recipient", "channel, address, via") == [
        (one.channel, one.address, one.via) for one in targets
    ]  # ids count up


@pytest.mark.parametrize(
    ("first", "second", "notify", "original"),
    [
        ("NEVER", "", "", "joe@far.test"),
        ("", "NEVER", "", "sales@our.test"),
        ("FAILURE", "SUCCESS,FAILURE", "SUCCESS,FAILURE", "joe@far.test"),
        ("SUCCESS", "FAILURE", "FAILURE,SUCCESS", "sales@our.test"),
        ("DELAY,FAILURE", "", "DELAY,FAILURE", "sales@our.test"),
    ],
)
def test_two_recipients_that_lead_to_one_address_lose_no_report(
    office: Office, first: str, second: str, notify: str, original: str
) -> None:
    alias = Recipient("sales@our.test", notify=first, route=Route((ToQueue("joe@far.test"),)))
    office.put("ann@our.test", alias, Recipient("joe@far.test", notify=second, route=Route((ToQueue("joe@far.test"),))))
    assert office.rows("outgoing_recipient", "notify, original") == [(notify, original)]


def test_the_queue_knows_whose_mail_it_is(office: Office) -> None:
    office.put("ann@our.test", "joe@far.test", user="ann")
    office.put("joe@else.test", "joe@far.test", suspect="SPF fail")
    assert sorted(office.rows("outgoing", "local_origin, quiet, client_address")) == [(0, 1, "192.0.2.9"), (1, 0, "192.0.2.9")]


def test_the_envelope_of_a_report_is_dressed_too(office: Office, use: Use) -> None:
    seen: list[Envelope] = []

    class Looks:
        @hookimpl
        def sign_message(self, envelope: Envelope) -> None:
            seen.append(envelope)

    use(Looks())
    office.put("ann@else.test", Recipient("team@our.test", "SUCCESS", route=Route((ToQueue("a@far.test"), ToQueue("b@far.test")))))
    assert [one.sender for one in seen] == ["ann@else.test", ""]


def test_a_plugin_may_change_the_lines_that_were_added_on_top(office: Office, use: Use) -> None:
    class Hides:
        @hookimpl
        def rewrite_message(self, message: Message) -> Message:
            return Message(message.head, message.size, lambda: (chunk.replace(b"pc.test", b"nowhere") for chunk in message.chunks()))

    use(Hides())
    office.put("ann@our.test", "joe@far.test", user="ann")
    office.work()
    assert office.sender.taken["joe@far.test"] == [b"Received: from nowhere\r\nSubject: Hi\r\n\r\nHello\r\n"]


def test_a_client_whose_message_cannot_be_signed_is_told_to_come_back(tmp_path: Path) -> None:
    with Miniature(tmp_path) as server:
        server.add_user("ann")
        server.app.manager.register(Breaks(), "breaks")
        assert server.send("ann@example.test", "joe@far.example", no_auth=True).startswith("451 4.3.0")
        assert server.send("ann@example.test", "ann@example.test", no_auth=True).startswith("250")  # nothing of it leaves
        assert server.context.db.read(lambda tx: tx.execute("SELECT id FROM outgoing")) == []


def test_the_priority_that_an_account_has_reaches_the_queue_of_a_server(tmp_path: Path) -> None:
    with Miniature(tmp_path) as server:
        server.add_user("ann", priority=80)
        server.app.runner.desk.closed = True  # nothing is sent
        server.send("ann@example.test", "joe@far.example", no_auth=True, user="ann")
        assert server.context.db.read(lambda tx: tx.execute("SELECT priority FROM outgoing")) == [(80,)]
