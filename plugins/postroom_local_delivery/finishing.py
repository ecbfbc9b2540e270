"""The last touches to a route that depend on more than the directory: other plugins' wishes, and the folders that exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from postroom.asking import Asker
from postroom.mail.delivery import Refuse, Route, Target, ToMailbox, ToQueue
from postroom.mail.envelope import Envelope
from postroom.mail.sending import LanForwarding
from postroom.sending.lan import LAN
from postroom.sending.via import Via

from .gathering import Decision


class Mailboxes(Protocol):
    """Looks folders up; ``postroom.store.mailboxes.Mailboxes``."""

    def find(self, account_id: int, folder: str) -> object | None:
        """The folder, or None when the account has none of that name."""


def last_resort(decision: Decision, envelope: Envelope, ask: Asker) -> Route:
    """The route with each name that nothing here has, and an address of elsewhere, given to the plugin that takes it after all.

    Raises PluginFault when one of them fails.
    """
    route = decision.route
    if not decision.unclaimed or not ask.hooks.route_last_resort.get_hookimpls():
        return route
    targets: dict[Target, None] = {target: None for target in route.targets if not isinstance(target, Refuse)}
    reasons, inbound, found = list(route.reasons), route.inbound, False
    for address in decision.unclaimed:
        answer: Route | None = ask.first("route_last_resort", address=address, envelope=envelope)
        if answer is not None:
            targets.pop(ToQueue(address), None)  # where it would have gone
            targets.update(dict.fromkeys(answer.targets))
            reasons += answer.reasons
            inbound, found = inbound or answer.inbound, True
    return Route(tuple(targets), tuple(reasons), inbound) if found else route


def return_paths(route: Route, address: str, envelope: Envelope, ask: Asker) -> Route:
    """The route with the return path that plugins want for what a target SMTP:… sends to its server."""
    if not any(isinstance(target, ToQueue) and target.via for target in route.targets) or not ask.hooks.lan_return_path.get_hookimpls():
        return route
    return replace(route, targets=tuple(_with_path(target, address, envelope, ask) for target in route.targets))


def _with_path(target: Target, address: str, envelope: Envelope, ask: Asker) -> Target:
    via = Via.parse(target.via) if isinstance(target, ToQueue) and target.channel == LAN else None
    if not isinstance(target, ToQueue) or via is None or via.return_path is not None:  # a rule's has been asked for by its plugin
        return target
    forwarding = LanForwarding(target.address, str(via))
    path = ask.transform("lan_return_path", "path", envelope.sender, address=address, envelope=envelope, forwarding=forwarding)
    return replace(target, via=replace(via, return_path=path).text)


def outside(route: Route, address: str, envelope: Envelope, ask: Asker) -> Route:
    """The route with each outside address that a list or forward leads to routed by the plugins, ours among them.

    Raises PluginFault when one of them fails.
    """
    led = [target for target in route.targets if isinstance(target, ToQueue) and not target.via and target.address != address]
    if not led or len(ask.hooks.route.get_hookimpls()) < 2:  # nobody but ourselves to ask
        return route
    answers = {target: ask.first("route", address=target.address, envelope=envelope) for target in led}
    targets: dict[Target, None] = {}
    reasons = list(route.reasons)
    for target in route.targets:
        answer: Route | None = answers.get(target) if isinstance(target, ToQueue) else None
        if answer is None or answer.targets == (target,):
            targets[target] = None
        else:
            targets.update(dict.fromkeys(answer.targets))
            reasons += answer.reasons
    return replace(route, targets=tuple(targets), reasons=tuple(reasons))


def existing_folders(route: Route, mailboxes: Mailboxes) -> Route:
    """The route with INBOX for every folder that its user does not have: senders cannot make folders."""
    missing = [
        target
        for target in route.targets
        if isinstance(target, ToMailbox) and target.folder != "INBOX" and mailboxes.find(target.account, target.folder) is None
    ]
    if not missing:
        return route
    targets = dict.fromkeys(replace(target, folder="INBOX") if target in missing else target for target in route.targets)
    reasons = (f"user {target.name} has no folder {target.folder}: delivered to INBOX" for target in missing)
    return replace(route, targets=tuple(targets), reasons=(*route.reasons, *reasons))
