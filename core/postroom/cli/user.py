"""``postroom user``: accounts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .call import Call, Opened, cell, table
from .failures import Failure
from .fields import TARGETS, parsed, public
from .loose_ends import note_left, note_unknown
from .moments import moment
from .password import credentials, report, wanted
from .targets import given
from .trace import when

if TYPE_CHECKING:
    from ..store.accounts import Account

COLUMNS = ("name", "admin", "enabled", "internet", "forward", "comment")


@click.group()
def command() -> None:
    """Accounts: who may log in and has mailboxes here."""


@command.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--admin", is_flag=True, help="Make it an administrator.")
@click.option("--reversible", is_flag=True, help="Keep the password readable by the server too (for CRAM-MD5 and APOP).")
@click.pass_obj
def add(call: Call, name: str, password_stdin: bool, admin: bool, reversible: bool) -> None:
    """Make an account with its folders. Without --password-stdin it asks on a terminal, else makes up a password and prints it."""
    with call.opened() as store:
        if store.accounts.get(name) is not None:
            raise Failure(f"there is an account named {name} already: `postroom user password {name}` gives it another password")
        chosen = wanted(password_stdin)
        account = store.accounts.add(name, admin=admin, **credentials(store, chosen, reversible))
        store.news.publish("accounts")
    report(call, f"account {account.name} made", account.name, chosen)


@command.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@click.option("--reversible/--no-reversible", default=None, help="Keep the password readable by the server or not (default: as before).")
@click.pass_obj
def password(call: Call, name: str, password_stdin: bool, reversible: bool | None) -> None:
    """Give an account another password."""
    with call.opened() as store:
        account = existing(store, name)
        chosen = wanted(password_stdin)
        keep = bool(account.reversible) if reversible is None else reversible
        store.accounts.update(name, **credentials(store, chosen, keep))
        store.news.publish("accounts")
    report(call, f"account {account.name} has another password", account.name, chosen)


@command.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """All accounts."""
    with call.opened() as store:
        accounts = [public(account) for account in store.accounts.list()]
    rows = [tuple(account[column] for column in COLUMNS) for account in accounts]
    call.show(accounts, lambda: table(COLUMNS, rows, "there are no accounts; make one with `postroom user add NAME`"))


@command.command()
@click.argument("name")
@click.pass_obj
def show(call: Call, name: str) -> None:
    """Everything about one account but its password, and since when and why its mail to other servers is held, if it is."""
    from ..queue.surge import held_since

    with call.opened() as store:
        account = public(existing(store, name))
        held = held_since(store.db, account["name"])
    if held is not None:
        account |= {"held_since": when(held[0]), "held_because": held[1]}
    call.show(account, lambda: "\n".join(f"{key}: {cell(value)}" for key, value in account.items()))


@command.command("set")
@click.argument("name")
@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE…")
@click.pass_obj
def set_(call: Call, name: str, changes: tuple[str, ...]) -> None:
    """Change fields of an account, as `postroom user show` names them; several targets are separated by commas."""
    with call.opened() as store:
        existing(store, name)
        values = dict(parsed(change) for change in changes)
        for field in TARGETS & values.keys():
            values[field] = given(values[field], store.config)
        account = public(store.accounts.update(name, **values))
        store.news.publish("accounts")
        note_unknown(store, (target for field in TARGETS & values.keys() for target in values[field]))
    call.show(account, lambda: "\n".join(f"{key}: {cell(account[key])}" for key in values))


@command.command()
@click.argument("name")
@click.pass_obj
def release(call: Call, name: str) -> None:
    """Let go what an account sends: it was held because it suddenly sent far more than ever. As much as that is usual from now on."""
    from ..queue.surge import release as let_go

    with call.opened() as store:
        found = let_go(store.db, name.lower(), time.time_ns() // 1_000_000)
        if found is None:
            existing(store, name)
            raise Failure(f"account {name} is not held: it may send; what you have held by hand goes with `postroom queue release ID`")
        store.news.publish("queue")
    call.show({"account": name.lower(), "released": found}, lambda: f"account {name} may send again, {found} messages are let go")


@command.command()
@click.argument("name")
@click.pass_obj
def remove(call: Call, name: str) -> None:
    """Remove an account and all its mail."""
    with call.opened() as store:
        if not store.accounts.remove(name):
            raise missing(store, name)
        store.news.publish("accounts")
        note_left(store, name)
    call.done(f"account {name} and its mail removed")


@command.command()
@click.argument("name")
@click.option("--since", required=True, metavar="WHEN", help="What was deleted since then: 2h or 3d ago, or a date and time.")
@click.option("--folder", default="", metavar="PATH", help="Only what was deleted from this folder.")
@click.option("--dry-run", is_flag=True, help="Only say what would come back.")
@click.pass_obj
def undelete(call: Call, name: str, since: str, folder: str, dry_run: bool) -> None:
    """Put deleted messages back where they were; folders that are gone are made again. How long they are kept: store.keep_deleted."""
    from ..store.undelete import recoverable
    from ..store.undelete import undelete as restore

    begin = moment(since)
    with call.opened() as store:
        account = existing(store, name)
        if dry_run:
            found = recoverable(store.db, account.id, begin, folder=folder)
        else:
            found = restore(store.db, account.id, begin, folder=folder, at=int(time.time() * 1000))
            store.news.publish("folders", account=account.id)
            for one in found:
                store.news.publish("mailbox", mailbox=one.mailbox_id)
    rows = [(one.folder, one.messages) for one in found]
    data = {"account": account.name, "dry_run": dry_run, "folders": [{"folder": path, "messages": count} for path, count in rows]}
    empty = "nothing was deleted since then that can be had back"
    call.show(data, lambda: table(("folder", "would come back" if dry_run else "came back"), rows, empty))


def existing(store: Opened, name: str) -> Account:
    """The account of that name. Raises Failure."""
    account = store.accounts.get(name)
    if account is None:
        raise missing(store, name)
    return account


def missing(store: Opened, name: str) -> Failure:
    """The failure that says so, with the name that was perhaps meant."""
    from ..config.wording import nearest

    known = [account.name for account in store.accounts.list()]
    return Failure(f"there is no account {name}" + (nearest(name, known) if len(known) <= 20 else "; `postroom user list` shows all"))
