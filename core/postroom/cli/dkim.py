"""``postroom dkim``: the keys that sign outgoing mail, and what to publish of them in the DNS."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from .call import Call, Opened, table
from .failures import Failure

if TYPE_CHECKING:
    from ..store.signing_keys import SigningKey, SigningKeys

STRING = 255  # characters of one string of a TXT record (RFC 1035 section 3.3.14)
SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,50}[A-Za-z0-9])?")
ENDINGS = {"rsa": "rsa", "ed25519": "ed"}  # of the selectors of the two keys

Seen = Callable[["SigningKey"], bool | None]  # whether its record is in the DNS; None when the DNS does not say


@dataclass(frozen=True)
class Desk:
    """The keys of the opened store, and what asks the DNS."""

    store: Opened
    keys: SigningKeys
    seen: Seen


@click.group()
def command() -> None:
    """DKIM: keys that sign outgoing mail, and the DNS records by which others verify them."""


@contextmanager
def desk(call: Call) -> Iterator[Desk]:
    """The keys. Raises what ``Call.opened`` raises."""
    from ..credentials import Vault
    from ..dns import Resolver
    from ..store.signing_keys import SigningKeys

    with call.opened() as store:
        resolver = Resolver.configured(store.config.dns)
        yield Desk(store, SigningKeys(store.db, Vault(store.config.server.data_dir)), lambda key: in_dns(resolver.txt, key))


def in_dns(txt: Callable[..., Any], key: SigningKey) -> bool | None:
    """Whether the DNS has the record of a key now; None when it cannot be asked."""
    from ..dns import DnsFailure
    from ..mail.dkim import is_published

    try:
        return is_published(key.record, txt(key.name, fresh=True).records)
    except DnsFailure as failure:
        return None if failure.temporary else False


@command.command()
@click.argument("domain")
@click.option("--selector", metavar="S", help="The keys become S-rsa and S-ed (default: the date).")
@click.option("--rsa-bits", type=click.IntRange(1024, 4096), default=2048, show_default=True, help="Length of the RSA key.")
@click.pass_obj
def create(call: Call, domain: str, selector: str | None, rsa_bits: int) -> None:
    """Make the keys of DOMAIN, one for RSA and one for Ed25519; its mail is signed with both from now on."""
    name = checked_domain(domain)
    with desk(call) as at:
        if any(key.state != "retired" for key in at.keys.of(name)):
            raise Failure(f"{name} has keys already: `postroom dkim rotate {name}` makes new ones")
        made = add(at.keys, name, selector, rsa_bits, active=True)
        present(call, at, made, f"{name} is signed from now on. Publish these records; without them nobody can verify the signatures:")


@command.command()
@click.argument("domain", required=False)
@click.pass_obj
def show(call: Call, domain: str | None) -> None:
    """The keys of DOMAIN, or all: their states, whether the DNS has their records, and the records as lines of a zone file."""
    with desk(call) as at:
        found = at.keys.of(checked_domain(domain)) if domain else at.keys.all()
        if domain and not found:
            raise Failure(f"{domain} has no keys; make them with `postroom dkim create {domain}`")
        present(call, at, found, "")


@command.command()
@click.argument("domain")
@click.option("--now", is_flag=True, help="Sign with the new keys at once, without waiting for the DNS.")
@click.option("--rsa-bits", type=click.IntRange(1024, 4096), default=2048, show_default=True, help="Length of the RSA key.")
@click.pass_obj
def rotate(call: Call, domain: str, now: bool, rsa_bits: int) -> None:
    """Make new keys for DOMAIN, or go on with those that wait.

    The old keys sign until the records of the new ones are seen in the DNS (a running server looks by itself) or --now is given.
    """
    name = checked_domain(domain)
    with desk(call) as at:
        if not at.keys.of(name):
            raise Failure(f"{name} has no keys; make them with `postroom dkim create {name}`")
        waiting = [key for key in at.keys.of(name) if key.state == "next"] or add(at.keys, name, None, rsa_bits, active=False)
        for key in waiting:
            if now or at.seen(key):
                at.keys.activate(key)
        ids = {key.id for key in waiting}
        after = [key for key in at.keys.of(name) if key.id in ids]
        done = all(key.state == "active" for key in after)
        words = "sign from now on" if done else "sign as soon as these records are in the DNS"
        present(call, at, after, f"The new keys of {name} {words}; leave the records of the old ones for a week:")


@command.command()
@click.argument("domain")
@click.argument("selector")
@click.option("--force", is_flag=True, help="Remove it even while it signs.")
@click.pass_obj
def remove(call: Call, domain: str, selector: str, force: bool) -> None:
    """Remove the key SELECTOR of DOMAIN for good; then its record may leave the DNS."""
    name = checked_domain(domain)
    with desk(call) as at:
        key = next((one for one in at.keys.of(name) if one.selector == selector), None)
        if key is None:
            raise Failure(f"{name} has no key {selector}; see `postroom dkim show {name}`")
        if key.state == "active" and not force:
            raise Failure(f"the key {selector} signs the mail of {name}: rotate first, or give --force")
        at.keys.remove(name, selector)
    call.done(f"key {selector} of {name} removed; its record {key.name} may leave the DNS")


def checked_domain(text: str) -> str:
    """The domain in A-labels and lower case. Raises Failure."""
    from ..mail.address import BadAddress, check_domain, domain_to_ascii

    try:
        name = domain_to_ascii(check_domain(text.strip().rstrip("."), utf8=True))
    except BadAddress:
        name = ""
    if "." not in name or name.startswith("["):
        raise Failure(f"{text!r} is not a domain")
    return name


def add(keys: SigningKeys, domain: str, base: str | None, bits: int, *, active: bool) -> list[SigningKey]:
    """New keys under free selectors. Raises Failure."""
    from ..mail.dkim import generate
    from ..store.database import Conflict

    if base is not None and not SELECTOR.fullmatch(base):
        raise Failure(f"{base!r} cannot be a selector: letters, digits and - inside are expected")
    taken = {key.selector for key in keys.of(domain)}
    today = time.strftime("p%Y%m%d", time.gmtime())
    free = (name for name in (today, *(f"{today}-{number}" for number in range(2, 1000))) if not taken & set(selectors(name)))
    rsa, ed = selectors(base or next(free))
    try:
        return keys.add(domain, [(rsa, generate("rsa", bits)), (ed, generate("ed25519"))], active=active)
    except Conflict as error:
        raise Failure(str(error)) from None


def selectors(base: str) -> tuple[str, str]:
    """The selectors of the RSA and of the Ed25519 key."""
    return f"{base}-{ENDINGS['rsa']}", f"{base}-{ENDINGS['ed25519']}"


def present(call: Call, at: Desk, found: list[SigningKey], sentence: str) -> None:
    """Print keys: a table and their records, or JSON."""
    seen = {key.id: at.seen(key) for key in found}
    call.show([as_data(key, seen[key.id]) for key in found], lambda: as_text(found, seen, sentence))


def as_data(key: SigningKey, seen: bool | None) -> dict[str, Any]:
    """A key for programs, without its secret."""
    fields = ("domain", "selector", "algorithm", "state", "created_at", "activated_at", "retired_at", "name", "record")
    return {name: getattr(key, name) for name in fields} | {"published": seen, "zone": zone_line(key)}


def as_text(found: list[SigningKey], seen: dict[int, bool | None], sentence: str) -> str:
    """Keys for people."""
    words = {True: "yes", False: "no", None: "unknown"}
    rows = [(key.domain, key.selector, key.algorithm, key.state, day(key.activated_at), words[seen[key.id]]) for key in found]
    columns = ("domain", "selector", "algorithm", "state", "signs since", "in DNS")
    keys = table(columns, rows, "there are no keys; make them with `postroom dkim create DOMAIN`")
    return "\n\n".join(part for part in (sentence, keys, "\n".join(map(zone_line, found))) if part)


def day(ms: int) -> str:
    """The day of a moment, "" for 0."""
    return time.strftime("%Y-%m-%d", time.localtime(ms / 1000)) if ms else ""


def zone_line(key: SigningKey) -> str:
    """The record as a line of a zone file (RFC 1035 section 5.1): strings of at most 255 characters."""
    strings = (key.record[start : start + STRING] for start in range(0, len(key.record), STRING))
    return f"{key.name}. 3600 IN TXT ( " + " ".join(f'"{text}"' for text in strings) + " )"
