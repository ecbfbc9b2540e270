"""``postroom list``: distribution lists."""

from __future__ import annotations

import click

from .call import Call, table
from .failures import Failure
from .loose_ends import note_unknown
from .targets import given, masked, meant


@click.group()
def command() -> None:
    """Distribution lists: names whose mail goes to all members."""


@command.command()
@click.argument("name")
@click.argument("members", nargs=-1, metavar="[MEMBER…]")
@click.pass_obj
def add(call: Call, name: str, members: tuple[str, ...]) -> None:
    """Make a list, or add members (users, addresses, other lists, targets SMTP:…) to one that exists."""
    with call.opened() as store:
        members = given(members, store.config)
        present = store.accounts.lists().get(name.lower())
        if present is None:
            store.accounts.add_list(name, members)
        elif members:
            store.accounts.set_members(name, [*present, *members])
        else:
            raise Failure(f"there is a list {name} already; give it members with `postroom list add {name} MEMBER…`")
        store.news.publish("accounts")
        note_unknown(store, members)
    call.done(f"list {name} made" if present is None else f"{len(members)} added to list {name}")


@command.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """All lists with their members."""
    with call.opened() as store:
        found = {name: masked(members) for name, members in store.accounts.lists().items()}
    data = [{"name": name, "members": members} for name, members in found.items()]
    call.show(data, lambda: table(("name", "members"), list(found.items()), "there are no lists; make one with `postroom list add`"))


@command.command()
@click.argument("name")
@click.pass_obj
def show(call: Call, name: str) -> None:
    """The members of one list, one on each line."""
    with call.opened() as store:
        members = store.accounts.lists().get(name.lower())
    if members is None:
        raise Failure(f"there is no list {name}; see `postroom list list`")
    shown = masked(members)
    call.show({"name": name.lower(), "members": shown}, lambda: "\n".join(shown))


@command.command()
@click.argument("name")
@click.argument("members", nargs=-1, metavar="[MEMBER…]")
@click.pass_obj
def remove(call: Call, name: str, members: tuple[str, ...]) -> None:
    """Remove these members, or the whole list."""
    with call.opened() as store:
        present = store.accounts.lists().get(name.lower())
        if present is None:
            raise Failure(f"there is no list {name}; see `postroom list list`")
        members = tuple(meant(member, present) for member in members)
        absent = [member for member in members if member not in present]
        if absent:
            raise Failure(f"{', '.join(masked(absent))}: not in list {name}; see `postroom list show {name}`")
        if members:
            store.accounts.set_members(name, [member for member in present if member not in members])
        else:
            store.accounts.remove_list(name)
        store.news.publish("accounts")
    call.done(f"{len(members)} removed from list {name}" if members else f"list {name} removed")
