"""Notes on standard error about names that lead nowhere: allowed, for the user may come later, but more often a slip of the finger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .call import Opened

ALWAYS = frozenset(("postmaster", "abuse", "everyone"))  # the main administrator, and all users
NOT_A_NAME = frozenset("*?:@")  # patterns, *REMOTE, SMTP:…, and other servers' addresses


def note_unknown(store: Opened, targets: Iterable[str]) -> None:
    """Say which targets are names that no user, list or mapping has."""
    names = list(dict.fromkeys(name for target in targets if (name := _name(store, target))))
    missing = sorted(set(names) - _known(store)) if names else []
    if missing:
        _say(f"nothing is named {', '.join(missing)} yet: mail for it is refused until there is a user, list or mapping of that name")


def note_left(store: Opened, name: str) -> None:
    """Say what still leads to an account that is gone, and when no administrator is left."""
    left = list(dict.fromkeys(_leading_to(store, name.lower())))
    if left:
        _say(f"{name} is still a target of {', '.join(left)}")
    if not any(account.admin and account.enabled for account in store.accounts.list()):
        _say("there is no administrator any more who gets the mail for postmaster and abuse: `postroom user set NAME admin=yes`")


def _say(sentence: str) -> None:
    click.echo(f"postroom: note: {sentence}", err=True)


def _name(store: Opened, target: str) -> str:
    """The bare name that a target means; "" when it is none of this server's names."""
    from ..local_names import LocalNames

    name = LocalNames(store.config.domains.local).account_name(target.strip()) or ""
    return "" if NOT_A_NAME & set(name) else name.partition("+")[0]


def _known(store: Opened) -> set[str]:
    accounts = {account.name for account in store.accounts.list()}
    mapped = {address.rpartition("@")[0] or address for address, _ in store.accounts.mappings()}
    return {*ALWAYS, *accounts, *store.accounts.lists(), *mapped}


def _leading_to(store: Opened, name: str) -> Iterator[str]:
    def leads(targets: Iterable[str]) -> bool:
        return name in (_name(store, target) for target in targets)

    yield from (f"mapping {address}" for address, targets in store.accounts.mappings() if leads(targets))
    yield from (f"list {one}" for one, members in store.accounts.lists().items() if leads(members))
    yield from (f"account {account.name}" for account in store.accounts.list() if leads((*account.forward, *account.assistants)))
