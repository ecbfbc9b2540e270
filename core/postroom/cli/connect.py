"""``postroom connect``: run a connection now."""

from __future__ import annotations

import time

import click

from .call import Call
from .failures import Failure


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="All connections, not only those that are marked default.")
@click.pass_obj
def command(call: Call, name: str | None, everything: bool) -> None:
    """Run the connection NAME now (without a name: all that are marked default): mail that waits leaves, collectors fetch.

    Connections run one after the other. A running server acts at once, another one when it starts.
    """
    from ..config.wording import nearest
    from ..queue import marks
    from ..queue.connections import DEFAULT, named

    if name and everything:
        raise click.UsageError("either a NAME or --all")
    with call.opened() as store:
        connections = store.config.connections
        names = [connection.name for connection in connections]
        wanted = names if everything else named(connections, name or DEFAULT)
        if not wanted and name and name != DEFAULT:
            raise Failure(f"there is no connection {name}{nearest(name, names)}")
        if not wanted:
            raise Failure("no connection is marked default: true")
        at = time.time_ns() // 1_000_000
        store.db.write(lambda tx: marks.wish(tx, wanted, at, "postroom connect"))
        store.news.publish("connect")
        heard = store.news.heard()
    sentence = f"connection {wanted[0]} runs now" if len(wanted) == 1 else f"connections {', '.join(wanted)} run now, one after the other"
    call.done(sentence if heard else sentence.replace(" now", " when the server starts"))
