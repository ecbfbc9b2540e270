"""``postroom queue``: messages on their way out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .call import Call, cell, table
from .failures import Failure
from .trace import when

if TYPE_CHECKING:
    from ..news import News
    from ..queue.manage import OutQueue, Queued, QueuedAddress

COLUMNS = ("id", "state", "priority", "queued", "from", "to", "recipients", "size", "attempts", "next try", "subject")
RECIPIENT_COLUMNS = ("recipient", "queue", "state", "attempts", "next try", "last try", "server", "its words")
HIDDEN = ("to", "next_try", "attempts", "channel")  # in ``show``, which has them for each recipient
SUBJECT_LENGTH = 40  # characters in the list; `show` has all of it


@click.group()
def command() -> None:
    """Messages on their way out. The commands work whether or not the server runs; a running one acts at once."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True, help="The oldest so many.")
@click.option("--channel", metavar="NAME", help="Another queue than the outgoing one: LAN is that of LAN forwarding.")
@click.option("--all", "everything", is_flag=True, help="All queues.")
@click.pass_obj
def list_(call: Call, limit: int, channel: str | None, everything: bool) -> None:
    """The messages that wait in the outgoing queue, the oldest first."""
    from ..queue.letter import OUT

    if everything and channel is not None:
        raise click.UsageError("--channel and --all exclude each other")
    with desk(call) as (queue, _):
        found = queue.messages(now(), limit, None if everything else channel or OUT)
    call.show([_message(item) for item in found], lambda: _listed(found, "queue" if everything else ""))


@command.command()
@click.argument("number", metavar="ID", callback=lambda ctx, param, value: identified([value])[0])
@click.pass_obj
def show(call: Call, number: int) -> None:
    """One message with its recipients and what their servers said."""
    with desk(call) as (queue, _):
        item, recipients = queue.show(number, now())
    data = _message(item) | {"to": [_address(recipient) for recipient in recipients]}
    call.show(data, lambda: _told(item, recipients))


@command.command()
@click.argument("numbers", metavar="ID…", nargs=-1, required=True, callback=lambda ctx, param, value: identified(value))
@click.pass_obj
def retry(call: Call, numbers: Sequence[int]) -> None:
    """Try again now; what is held stays held."""

    def work(queue: OutQueue, number: int) -> str | None:
        from .. import ids

        return None if queue.retry(number, now()) else f"stays held: `postroom queue release {ids.text(number)}` lets it go"

    perform(call, numbers, "is tried again {now}", work)


@command.command()
@click.argument("numbers", metavar="ID…", nargs=-1, required=True, callback=lambda ctx, param, value: identified(value))
@click.pass_obj
def release(call: Call, numbers: Sequence[int]) -> None:
    """Let go what is held, at once."""
    perform(call, numbers, "is released", lambda queue, number: queue.release(number, now()))


@command.command()
@click.argument("numbers", metavar="ID…", nargs=-1, required=True, callback=lambda ctx, param, value: identified(value))
@click.option("--until", metavar="WHEN", help="Let it go by itself then: a time from now such as 2h, or a date such as 2026-05-31T14:30.")
@click.pass_obj
def hold(call: Call, numbers: Sequence[int], until: str | None) -> None:
    """Keep from being sent until it is released, or until a time."""
    from .moments import coming

    end = coming(until) if until is not None else 0
    sentence = f"is held until {_when(end)}" if end else "is held"

    def work(queue: OutQueue, number: int) -> str:
        words = _besides(queue, number, sentence)
        queue.hold(number, now(), end)
        return words

    perform(call, numbers, sentence, work)


@command.command()
@click.argument("number", metavar="ID", callback=lambda ctx, param, value: identified([value]))
@click.argument("value", metavar="PRIORITY", type=click.IntRange(1, 100))
@click.pass_obj
def priority(call: Call, number: Sequence[int], value: int) -> None:
    """Let a message go before others or after them: 100 goes first, 50 is ordinary, 1 goes last."""
    perform(call, number, f"has priority {value}", lambda queue, one: queue.set_priority(one, now(), value))


@command.command()
@click.argument("numbers", metavar="ID…", nargs=-1, required=True, callback=lambda ctx, param, value: identified(value))
@click.option("--bounce", is_flag=True, help="Tell the sender that it could not be delivered.")
@click.pass_obj
def remove(call: Call, numbers: Sequence[int], bounce: bool) -> None:
    """Take a message out of the queue; with --bounce its sender gets a report."""
    sentence = "goes back to its sender {now}" if bounce else "is removed"

    def work(queue: OutQueue, number: int) -> str:
        words = _besides(queue, number, sentence)
        queue.remove(number, now(), bounce=bounce)
        return words

    perform(call, numbers, sentence, work)


def perform(call: Call, numbers: Sequence[int], sentence: str, work: Callable[[OutQueue, int], str | None]) -> None:
    """Do ``work`` with each message, wake the workers, and say so, or what ``work`` says instead.

    {now} in those words becomes what is true of the server. Raises Failure after the last when some are not in the queue: on a busy
    server they leave at any moment.
    """
    from .. import ids
    from ..queue.manage import NotQueued

    gone = []
    with desk(call) as (queue, news):
        when_done = "now" if news.heard() else "when the server starts"
        try:
            for number in numbers:
                try:
                    call.done(f"{ids.text(number)} {work(queue, number) or sentence}".replace("{now}", when_done))
                except NotQueued:
                    gone.append(ids.text(number))
        finally:
            news.publish("queue")  # also for those before a fault
    if gone:
        raise Failure(_not_queued(gone))


@contextmanager
def desk(call: Call) -> Iterator[tuple[OutQueue, News]]:
    """The queue, and the way to the workers of a running server. A message that is not there becomes a Failure."""
    from .. import ids
    from ..queue.manage import NotQueued, OutQueue
    from ..store.blobs import Blobs

    with call.opened() as store:
        try:
            yield OutQueue(store.db, Blobs(store.db)), store.news
        except NotQueued as error:
            raise Failure(_not_queued([ids.text(error.args[0])])) from None


def _not_queued(words: Sequence[str]) -> str:
    verb = "is" if len(words) == 1 else "are"
    return f"{', '.join(words)} {verb} not in the queue (any more): `postroom trace {words[0]}` tells what became of it"


def _besides(queue: OutQueue, number: int, sentence: str) -> str:
    """The sentence, and what is beyond the command's reach. Raises NotQueued."""
    _, recipients = queue.show(number, now())
    busy = any(one.state == "being sent" for one in recipients)
    return f"{sentence}; it is being sent at this moment, and may arrive all the same" if busy else sentence


def identified(words: Sequence[str]) -> list[int]:
    """The ids behind their texts. Raises Failure for what is none."""
    from ..ids import parse

    try:
        return [parse(word) for word in words]
    except ValueError as error:
        raise Failure(str(error)) from None


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _message(item: Queued) -> dict[str, Any]:
    from .. import ids

    return asdict(item) | {"id": ids.text(item.id), "queued_at": _when(item.queued_at), "next_try": _when(item.next_try)}


def _address(item: QueuedAddress) -> dict[str, Any]:
    fields = asdict(item) | {"next_try": _when(item.next_try), "last_try": _when(item.last_try)}
    del fields["id"]  # a row number, of no use outside
    return fields


def _listed(found: Sequence[Queued], apart: str) -> str:
    """The list for people; why a message is held or not tried only where one is, and its queue where ``apart`` names that column."""
    reasons = any(item.reason for item in found)
    columns = (*COLUMNS, *([apart] if apart else []), *(["why it waits"] if reasons else []))
    rows = [(*_row(item), *([item.channel] if apart else []), *([item.reason] if reasons else [])) for item in found]
    return table(columns, rows, "the queue is empty")


def _row(item: Queued) -> tuple[Any, ...]:
    from .. import ids

    sender, subject = item.sender or "<>", item.subject[:SUBJECT_LENGTH]
    queued, due = _when(item.queued_at), _when(item.next_try)
    return (
        ids.text(item.id), item.state, item.priority, queued, sender, item.to, item.recipients, item.size, item.attempts, due, subject,
    )  # fmt: skip


def _told(item: Queued, recipients: Sequence[QueuedAddress]) -> str:
    """One message for people."""
    lines = [f"{key}: {cell(value)}" for key, value in _message(item).items() if key not in HIDDEN]
    rows = [_recipient_row(one) for one in recipients]
    return "\n".join([*lines, "", table(RECIPIENT_COLUMNS, rows, "no recipient waits any more")])


def _recipient_row(one: QueuedAddress) -> tuple[Any, ...]:
    queue = f"{one.channel} {one.via}".strip()
    return one.address, queue, one.state, one.attempts, _when(one.next_try), _when(one.last_try), one.last_server, one.last_reply


def _when(milliseconds: int) -> str | None:
    return when(milliseconds) if milliseconds else None
