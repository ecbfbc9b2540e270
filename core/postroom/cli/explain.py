"""``postroom explain``: where a message would go, and why; asks the same plugins as a real message and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .call import Call
from .failures import Failure

if TYPE_CHECKING:
    from ..app import App
    from ..config.schema import Config
    from ..mail.delivery import Route, Target
    from ..mail.envelope import Envelope

RELAY_DENIED = "550 5.7.1 Relaying not allowed! Bad sender IP address"
NO_INTERNET = "550 5.7.1 Your account may not send mail to other servers"


@click.command()
@click.argument("address")
@click.option("--from", "sender", metavar="ADDRESS", default="", help="The sender (default: none, as for a report).")
@click.option("--ip", metavar="IP", help="The address of the client: the access rules say what it may.")
@click.option("--user", metavar="NAME", help="The account that has logged in.")
@click.pass_obj
def command(call: Call, address: str, sender: str, ip: str | None, user: str | None) -> None:
    """Where a message for ADDRESS would go, rule by rule. Without --ip and --user it is taken as this server's own mail."""
    from .. import log as logs
    from ..app import build
    from ..plugins import read
    from ..tally import Tally

    config, plugins = read(call.config)
    logs.configure(level="warning")  # a faulty plugin is told on standard error
    with call.opened():
        app = build(config, plugins, Tally(1))
        try:
            envelope, reasons = origin(app, config, checked(sender, config) if sender else "", ip, user)
            wanted = checked(address, config)
            route = app.context.ask.first("route", address=wanted, envelope=envelope)
        finally:
            app.context.news.close()
            app.context.db.close()
    result = explained(config, wanted, route, envelope, reasons)
    call.show(result, lambda: told(result))


def checked(text: str, config: Config) -> str:
    """The address as an SMTP session would see it; a bare name gets the default domain. Raises Failure."""
    from ..mail.address import BadAddress, parse_address

    try:
        return parse_address(text if "@" in text else f"{text}@{config.domains.default}")
    except BadAddress as error:
        raise Failure(f"{text!r} is not an address: {error}") from None


def origin(app: App, config: Config, sender: str, ip: str | None, user: str | None) -> tuple[Envelope, list[str]]:
    """The envelope of a client at ``ip`` logged in as ``user``, with the reasons for what it may. Raises Failure."""
    from ..mail.envelope import Envelope
    from ..wire.access import Access

    if user is not None:
        account = app.context.accounts.get(user)
        if account is None:
            raise Failure(f"there is no account {user}; `postroom user list` shows all")
        may = "may send anywhere" if account.internet else "may not send to other servers"
        return Envelope(sender, user=account.name, local_origin=account.internet), [f"sent by the user {account.name}, who {may}"]
    if ip is None:
        return Envelope(sender, local_origin=True), ["sent by this server itself (--ip or --user asks for a client)"]
    try:
        allowed, no_auth = Access(config.access).check(ip)
    except ValueError:
        raise Failure(f"{ip!r} is not an IP address") from None
    what = "may send anywhere without a login" if no_auth else "reaches only recipients of this server without a login"
    return Envelope(sender, local_origin=allowed and no_auth), [
        f"{ip} is {'allowed' if allowed else 'denied'} by the access rules: it {what}"
    ]


def explained(config: Config, address: str, route: Route | None, envelope: Envelope, reasons: list[str]) -> dict[str, Any]:
    """What ``--json`` prints: the address, the reasons in their order, the targets, and the reply that refuses it."""
    if route is None:
        return {"address": address, "reasons": [*reasons, "no plugin routes this address"], "targets": [], "refused": "550 5.1.1 unknown"}
    refused = str(route.refusal) if route.refusal else None
    if refused is None and not envelope.local_origin and not route.local:
        refused = NO_INTERNET if envelope.user else RELAY_DENIED
    targets = [] if refused else [described(target, config) for target in route.targets]
    return {"address": address, "reasons": [*reasons, *route.reasons], "targets": targets, "refused": refused}


def described(target: Target, config: Config) -> dict[str, Any]:
    """One target for people and programs."""
    from ..mail.delivery import Discard, ToMailbox, ToQueue

    if isinstance(target, ToMailbox):
        return {"kind": "mailbox", "user": target.name, "folder": target.folder}
    if isinstance(target, ToQueue):
        return {"kind": "queue", "address": target.address, "channel": target.channel, "connections": carriers(config, target.channel)}
    return {"kind": "discard"} if isinstance(target, Discard) else {"kind": "refuse", "reply": str(target.reply)}


def carriers(config: Config, channel: str) -> list[str]:
    """The connections that empty a channel of the queue, with their senders."""
    from ..queue.letter import OUT

    sending = [connection for connection in config.connections if connection.sender is not None]
    found = sending if channel == OUT else [connection for connection in sending if connection.sender == channel]
    return [f"{connection.name} (sender {connection.sender})" for connection in found]


def told(result: dict[str, Any]) -> str:
    """The explanation for people."""
    lines = [result["address"], *(f"  {number}. {reason}" for number, reason in enumerate(result["reasons"], 1))]
    if result["refused"]:
        lines.append(f"refused: {result['refused']}")
    return "\n".join([*lines, *(f"-> {_one(target)}" for target in result["targets"])])


def _one(target: dict[str, Any]) -> str:
    sentences = {
        "mailbox": "mailbox {user}, folder {folder}",
        "queue": "outgoing queue to {address} by {connections}",
        "discard": "nowhere, on purpose",
        "refuse": "refused: {reply}",
    }
    words = target | {"connections": ", ".join(target.get("connections", ())) or "no connection: it would wait"}
    return sentences[target["kind"]].format(**words)
