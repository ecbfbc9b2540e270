"""``postroom index``: what is kept so that IMAP answers and searches quickly."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from .call import Call, Opened, table
from .user import existing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..store.fulltext.upkeep import State

COLUMNS = ("name", "messages", "waiting", "volumes", "text")
AGAIN = 1.0  # seconds until we look again whether a running server is done with what it has begun


@click.group()
def command() -> None:
    """The full-text index and what else is known of messages. A running server keeps it up to date by itself."""


@command.command()
@click.pass_obj
def status(call: Call) -> None:
    """How many messages of each account are waiting to be digested, and how large its index is."""
    from ..store.fulltext.upkeep import states

    with call.opened() as store:
        found = states(store.db)
    data = [{"name": one.name, "messages": one.messages, "waiting": one.waiting, "volumes": one.volumes, "text": one.size} for one in found]
    call.show(data, lambda: table(COLUMNS, [_row(one) for one in found], "no accounts"))


def _row(state: State) -> tuple[Any, ...]:
    return (state.name, state.messages, state.waiting, state.volumes, f"{state.size / 1e6:.1f} MB")


@command.command()
@click.argument("name", required=False)
@click.pass_obj
def rebuild(call: Call, name: str | None) -> None:
    """Make the index of the account NAME anew (default: of all accounts). A running server may go on; searches stay right."""
    from ..store.fulltext.upkeep import forget, states

    with call.opened() as store:
        only = existing(store, name).id if name is not None else None
        chosen = [state for state in states(store.db) if only in {None, state.account_id}]
        for state in chosen:
            forget(store.db, state.account_id)
        _digest(call, store, {state.account_id for state in chosen}, sum(state.messages for state in chosen))
    messages = sum(state.messages for state in chosen)
    call.show({"messages": messages}, lambda: f"index made anew: {messages} messages")


def _digest(call: Call, store: Opened, accounts: set[int], messages: int) -> None:
    """Digest all that is new in these accounts, with a bar on a terminal."""
    if call.json or not sys.stderr.isatty():
        _work(store, accounts, lambda done: None)
        return
    with click.progressbar(length=messages, label="Digesting", file=sys.stderr) as bar:
        _work(store, accounts, bar.update)


def _work(store: Opened, accounts: set[int], progress: Callable[[int], None]) -> None:
    from ..store.blobs import Blobs
    from ..store.digest import Digester, Pending, pending
    from ..store.kept import Kept

    def left() -> list[Pending]:
        return [box for box in pending(store.db) if box.account_id in accounts]

    digester = Digester(store.db, Blobs(store.db), _here, Kept(store.db), progress=progress)
    while boxes := left():
        for box in boxes:
            digester.mailbox(box)
        if left() == boxes:
            time.sleep(AGAIN)  # a running server is at it


def _here(function: Any, *arguments: Any) -> Any:
    return function(*arguments)
