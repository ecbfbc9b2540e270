"""The last touches to a route that depend on more than the directory: other plugins' wishes, and the folders that exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from postroom.asking import Asker
from postroom.mail.delivery import Route, Target, ToMailbox, ToQueue
from postroom.mail.envelope import Envelope


class Mailboxes(Protocol):
    """Looks folders up; ``postroom.store.mailboxes.Mailboxes``."""

    def find(self, account_id: int, folder: str) -> object | None:
        """The folder, or None when the account has none of that name."""


def outside(route: Route, address: str, envelope: Envelope, ask: Asker) -> Route:
    """The route with each outside address that a list or forward leads to routed by the plugins, ours among them.

    Raises PluginFault when one of them fails.
    """
    led = [target for target in route.targets if isinstance(target, ToQueue) and target.address != address]
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
