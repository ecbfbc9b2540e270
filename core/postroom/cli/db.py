"""``postroom db``: the database schema."""

from __future__ import annotations

import click

from .call import Call, as_owner


@click.group()
def command() -> None:
    """The database schema. A start brings it up to date by itself; these commands do so without a server."""


@command.command()
@click.pass_obj
def migrate(call: Call) -> None:
    """Bring the schema up to this release; does nothing when it is."""
    from ..store import migrate as schema

    config = call.settings()
    with as_owner(config):
        applied = schema.migrate(config.database.url, base=config.base)
    call.show({"applied": applied}, lambda: "\n".join(f"applied {name}" for name in applied) or "the schema is up to date")


@command.command()
@click.pass_obj
def status(call: Call) -> None:
    """Which migrations are applied and which are not; exit status 1 when the schema is newer than this release."""
    from ..store import migrate as schema

    config = call.settings()
    found = schema.status(config.database.url, base=config.base)
    data = {"applied": found.applied, "pending": found.pending, "unknown": found.unknown}
    call.show(data, lambda: "\n".join(f"{kind} {name}" for kind, names in data.items() for name in names) or "no migrations")
    found.refuse_newer()
