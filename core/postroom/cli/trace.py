"""``postroom trace``: the recorded life of a message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from .call import Call, cell
from .failures import Failure

if TYPE_CHECKING:
    from ..store.database import Database
    from ..store.traces import Event

MOMENTS = ("until",)  # details of events that are times


@click.command()
@click.argument("trace", metavar="ID")
@click.pass_obj
def command(call: Call, trace: str) -> None:
    """Tell what became of the message with this trace id (it is in the log, in Received headers and in the reply to DATA)."""
    from ..ids import parse
    from ..store.traces import Traces

    try:
        number = parse(trace)
    except ValueError as error:
        raise Failure(str(error)) from None
    with call.opened() as store:
        life = Traces(store.db).life(number)
        rest = [] if call.json else list(still_queued(store.db, number))
    if not life:
        raise Failure(f"nothing is recorded under {trace}: it is misspelt, from another server, or older than what is kept")
    call.show([asdict(event) | {"at": when(event.at)} for event in life], lambda: "\n".join([*map(line, life), *rest]))


def still_queued(db: Database, number: int) -> Iterator[str]:
    """How what is left of the message in the queue stands; nothing when it has left."""
    from ..ids import text
    from ..queue.manage import NotQueued, OutQueue
    from ..store.blobs import Blobs
    from .standing import told

    now = time.time_ns() // 1_000_000
    try:
        item, recipients = OutQueue(db, Blobs(db)).show(number, now)
    except NotQueued:
        return
    yield from told(item, recipients, text(number), now)


def line(event: Event) -> str:
    """One event for people: a line for what holds for the message, and one below it for each recipient."""
    recipients = {key: value for key, value in event.detail.items() if key == "to" and isinstance(value, list)}
    facts = {key: when(value) if key in MOMENTS else value for key, value in event.detail.items() if key not in recipients}
    details = "  ".join(f"{key}={cell(value)}" for key, value in facts.items())
    head = f"{when(event.at)}  {event.event:<12}  {details}".rstrip()
    return "\n".join([head, *(f"    {_recipient(one)}" for value in recipients.values() for one in value)])


def _recipient(one: object) -> str:
    """What an event says of one recipient: ``joe@far.test: 250 Ok; server=mx.far.test[192.0.2.1]:25; how=account fred``."""
    if not isinstance(one, dict):
        return cell(one)
    facts = {key: value for key, value in one.items() if key != "rcpt" and value not in ("", None)}
    if "next" in facts:
        facts["next"] = when(facts["next"])
    said = [cell(facts.pop(key)) for key in ("reply", "where") if key in facts]
    words = "; ".join([*said, *(f"{key}={cell(value)}" for key, value in facts.items())])
    return f"{cell(one.get('rcpt'))}: {words}" if words else cell(one.get("rcpt"))


def when(milliseconds: int) -> str:
    """The time in UTC, to the millisecond."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")
