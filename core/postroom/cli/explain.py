"""``postroom explain``: where a message would go, and why; asks the same plugins as a real message and sends nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .call import Call
from .failures import Failure

if TYPE_CHECKING:
    from ..app import App
    from ..config.schema import Config
    from ..mail.delivery import Route, Target, ToQueue
    from ..mail.envelope import Envelope

RELAY_DENIED = "550 5.7.1 Relaying not allowed! Bad sender IP address"
NO_INTERNET = "550 5.7.1 Your account may not send mail to other servers"


@click.command()
@click.argument("address", required=False)
@click.option("--message", metavar="ID", help="A message of the queue: where each recipient (or ADDRESS) would go now, and why it waits.")
@click.option("--from", "sender", metavar="ADDRESS", default="", help="The sender (default: none, as for a report).")
@click.option("--ip", metavar="IP", help="The address of the client: the access rules say what it may.")
@click.option("--user", metavar="NAME", help="The account that has logged in.")
@click.option("--size", metavar="SIZE", help="The size of the message, such as 300KB or 12MB.")
@click.pass_obj
def command(call: Call, address: str | None, message: str | None, sender: str, ip: str | None, user: str | None, size: str | None) -> None:
    """Where a message for ADDRESS would go, rule by rule, and how it would leave. Without --ip and --user it is this server's own mail."""
    from . import explain_queued
    from .queue import identified

    if message is not None:
        if sender or ip or user or size:
            raise click.UsageError("--message knows its sender, user and size; --from, --ip, --user and --size are for a message to come")
        number = identified([message])[0]
        with built(call) as app:
            queued = explain_queued.explained(app, number, address)
        call.show(queued, lambda: explain_queued.told(queued))
        return
    if address is None:
        raise click.UsageError("an address is expected, or --message ID")
    with built(call) as app:
        config = app.context.config
        envelope, reasons = origin(app, config, checked(sender, config) if sender else "", ip, user)
        envelope.size, envelope.checking = sized(size), True
        wanted = checked(address, config)
        result = explained(app, wanted, routed(app, wanted, envelope, reasons), envelope, reasons)
    call.show(result, lambda: told(result))


@contextmanager
def built(call: Call) -> Iterator[App]:
    """The server's parts with their plugins, none of them at work."""
    from .. import log as logs
    from ..app import build
    from ..plugins import read
    from ..tally import Tally

    config, plugins = read(call.config)
    logs.configure(level="warning")  # a faulty plugin is told on standard error
    with call.opened():
        app = build(config, plugins, Tally(1))
        try:
            yield app
        finally:
            app.context.news.close()
            app.context.db.close()


def routed(app: App, address: str, envelope: Envelope, reasons: list[str]) -> Route | None:
    """The answer of the first plugin that has one; those before it are noted in the reasons. Raises PluginFault."""
    from ..asking import PluginFault

    arguments = {"address": address, "envelope": envelope}
    for plugin, answer, failed in app.context.ask.answers("route", arguments, needed=True):
        if failed:
            raise PluginFault(plugin, "route")
        if answer is not None:
            route: Route = answer
            return route
        reasons.append(f"{plugin} has nothing for it")
    return None


def sized(text: str | None) -> int:
    """Bytes of ``--size``; 0 without it. Raises Failure."""
    from ..config.types import parse_size

    try:
        return parse_size(text) if text is not None else 0
    except ValueError as error:
        raise Failure(f"--size: {error}") from None


def checked(text: str, config: Config) -> str:
    """The address as an SMTP session would see it; a bare name gets the default domain. Raises Failure."""
    from ..mail.address import BadAddress, parse_address

    try:
        return parse_address(text if "@" in text else f"{text}@{config.domains.default}")
    except BadAddress as error:
        raise Failure(f"{text!r} is not an address: {error}") from None


def origin(app: App, config: Config, sender: str, ip: str | None, user: str | None) -> tuple[Envelope, list[str]]:
    """The envelope of a client at ``ip`` logged in as ``user``, with the reasons for what it may. Raises Failure."""
    from ..mail.client import Client
    from ..mail.envelope import Envelope
    from ..wire.access import Access

    client = Client("explain", "SMTP", ip or "127.0.0.1", user=user)
    if user is not None:
        account = app.context.accounts.get(user)
        if account is None:
            raise Failure(f"there is no account {user}; `postroom user list` shows all")
        may = "may send anywhere" if account.internet else "may not send to other servers"
        return Envelope(sender, user=account.name, local_origin=account.internet, client=client), [
            f"sent by the user {account.name}, who {may}"
        ]
    if ip is None:
        return Envelope(sender, local_origin=True), ["sent by this server itself (--ip or --user asks for a client)"]
    try:
        allowed, no_auth = Access(config.access).check(ip)
    except ValueError:
        raise Failure(f"{ip!r} is not an IP address") from None
    what = "may send anywhere without a login" if no_auth else "reaches only recipients of this server without a login"
    return Envelope(sender, local_origin=allowed and no_auth, client=client), [
        f"{ip} is {'allowed' if allowed else 'denied'} by the access rules: it {what}"
    ]


def explained(app: App, address: str, route: Route | None, envelope: Envelope, reasons: list[str]) -> dict[str, Any]:
    """What ``--json`` prints: the address, the reasons in their order, the targets, and the reply that refuses it."""
    if route is None:
        return {"address": address, "reasons": [*reasons, "no plugin routes this address"], "targets": [], "refused": "550 5.1.1 unknown"}
    refused = str(route.refusal) if route.refusal else None
    if refused is None and not envelope.local_origin and not route.local:
        refused = NO_INTERNET if envelope.user else RELAY_DENIED
    now = time.time()
    targets = [] if refused else [described(target, app, envelope, now) for target in route.targets]
    return {"address": address, "reasons": [*reasons, *route.reasons], "targets": targets, "refused": refused}


def described(target: Target, app: App, envelope: Envelope, now: float) -> dict[str, Any]:
    """One target for people and programs. Raises StoreUnavailable."""
    from ..mail.delivery import Discard, ToMailbox, ToQueue

    if isinstance(target, ToMailbox):
        return {"kind": "mailbox", "user": target.name, "folder": target.folder}
    if isinstance(target, ToQueue):
        return _queued(target, app, envelope, now)
    return {"kind": "discard"} if isinstance(target, Discard) else {"kind": "refuse", "reply": str(target.reply)}


def _queued(target: ToQueue, app: App, envelope: Envelope, now: float) -> dict[str, Any]:
    from ..queue.letter import OUT
    from ..sending.via import shown
    from .ways import held, public, to_come, ways

    found = ways(app, to_come(target, envelope, now), now)
    user = envelope.user if target.channel == OUT else None
    return {
        "kind": "queue",
        "address": target.address,
        "channel": target.channel,
        "server": shown(target.via) or None,
        "connections": [way.name for way in found if way.takes],
        "held": app.context.db.read(lambda tx: held(tx, user)) if user else None,
        "ways": [public(way) for way in found],
    }


def told(result: dict[str, Any]) -> str:
    """The explanation for people."""
    lines = [result["address"], *(f"  {number}. {reason}" for number, reason in enumerate(result["reasons"], 1))]
    if result["refused"]:
        lines.append(f"refused: {result['refused']}")
    for target in result["targets"]:
        lines += [f"-> {_one(target)}", *(f"     {line}" for line in details(target))]
    return "\n".join(lines)


def _one(target: dict[str, Any]) -> str:
    sentences = {
        "mailbox": "mailbox {user}, folder {folder}",
        "queue": "outgoing queue to {address} by {connections}",
        "lan": "LAN forwarding to {address} at {server}",
        "discard": "nowhere, on purpose",
        "refuse": "refused: {reply}",
    }
    kind = "lan" if target.get("server") else target["kind"]
    words = target | {"connections": ", ".join(target.get("connections", ())) or "no connection: it would wait"}
    return sentences[kind].format(**words)


def details(target: dict[str, Any]) -> Iterator[str]:
    """What is known of the ways of a target in the queue, a line each."""
    if target.get("held"):
        yield f"held until the administrator releases it (`postroom user release`): {target['held']}"
    for way in target.get("ways", ()):
        name = f"{way['connection']} (sender {way['sender']})" if way["connection"] else f"sender {way['sender']}"
        if not way["takes"]:
            yield f"not by {name}: {way['reason']}"
            continue
        yield f"{name}: {way['reason']}; {way['when']}"
        yield from (f"  {line}" for line in (*way["how"], *way["limits"], *filter(None, [way["trouble"]])))
