"""``postroom connect``: run a connection now."""

from __future__ import annotations

import click

from .call import Call
from .failures import Failure


@click.command()
@click.argument("name", default="default")
@click.pass_obj
def command(call: Call, name: str) -> None:
    """Let a running server run the connection NAME (default: all that are marked default) now: mail that waits leaves."""
    from ..config.wording import nearest

    with call.opened() as store:
        names = [connection.name for connection in store.config.connections]
        if name != "default" and name not in names:
            raise Failure(f"there is no connection {name}{nearest(name, names)}")
        if not store.news.heard():
            raise Failure("no server is running here; start one with `postroom serve`")
        store.news.publish("connect", connection=name)
    call.done(f"connection {name} is told to run now")
