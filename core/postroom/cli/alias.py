"""``postroom alias``: mappings of addresses to users, lists and other addresses."""

from __future__ import annotations

from collections.abc import Sequence

import click

from .call import Call, table
from .failures import Failure
from .loose_ends import note_unknown
from .targets import given, masked, meant, well_formed


@click.group()
def command() -> None:
    """Mappings: addresses that lead to users, lists or other addresses."""


@command.command()
@click.argument("address")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET…")
@click.pass_obj
def add(call: Call, address: str, targets: tuple[str, ...]) -> None:
    """Let ADDRESS (name, name@domain, with * and ?, or ~@domain for the rest of a domain) lead to each TARGET.

    A target is a user, a list, an address, *REMOTE, or SMTP:address@[user:password@]server[:port] for LAN forwarding; with - for the
    password it is read from standard input.
    """
    if not address.strip() or not all(target.strip() for target in targets):
        raise Failure("an address or target is empty")
    with call.opened() as store:
        refuse_foreign(address, store.config.domains.local)
        targets = given(targets, store.config)
        store.accounts.add_mapping(address, targets)
        store.news.publish("accounts")
        note_unknown(store, targets)
    call.done(f"{address} leads to {', '.join(masked(targets))}")


def refuse_foreign(address: str, local: Sequence[str]) -> None:
    """Mail for other domains, or for what is no address, never comes to the mappings.

    Raises Failure, except for patterns and ~@domain, which may cover more.
    """
    from ..mail.local_domains import LocalDomains

    name, at, _ = address.strip().rpartition("@")
    if name == "~" or "*" in address or "?" in address:
        return
    well_formed(address)
    if at and not LocalDomains("", local).has(address.strip()):
        raise Failure(f"{address} would never apply: mail for it does not come here. domains.local has {', '.join(local)}")


@command.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """All mappings."""
    with call.opened() as store:
        found = [(address, masked(targets)) for address, targets in store.accounts.mappings()]
    data = [{"address": address, "targets": targets} for address, targets in found]
    call.show(data, lambda: table(("address", "targets"), found, "there are no mappings; make one with `postroom alias add`"))


@command.command()
@click.argument("address")
@click.argument("targets", nargs=-1, metavar="[TARGET…]")
@click.pass_obj
def remove(call: Call, address: str, targets: tuple[str, ...]) -> None:
    """Remove these targets of ADDRESS, or the whole mapping."""
    with call.opened() as store:
        present = dict(store.accounts.mappings()).get(address.strip().lower(), ())
        for target in targets or (None,):
            if not store.accounts.remove_mapping(address, target and meant(target, present)):
                words = f"leads not to {masked([target])[0]}" if target else ""
                raise Failure(f"{address} {words}" if words else f"there is no mapping {address}; see `postroom alias list`")
        store.news.publish("accounts")
    call.done(f"{address} leads no more to {', '.join(masked(targets))}" if targets else f"mapping {address} removed")
