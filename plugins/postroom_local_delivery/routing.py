"""Decides where the mail of one recipient goes: a pure function over a snapshot of users, mappings and lists."""

from __future__ import annotations

from postroom.mail.local_domains import LocalDomains
from postroom.store.directory import Directory

from .expansion import Expansion, Lock, Origin
from .gathering import Decision, Refused
from .mappings import Mappings
from .settings import Settings


def resolve(
    address: str,
    directory: Directory,
    mappings: Mappings,
    domains: LocalDomains,
    origin: Origin,
    settings: Settings,
    lock: Lock | None = None,
) -> Decision:
    """Where mail for ``address`` (or a bare name) goes and why; what cannot be is a refusing route.

    ``lock`` makes the text of ``ToQueue.via`` for targets SMTP:…, which are refused without it. Raises only what ``lock`` raises.
    """
    expansion = Expansion(directory, mappings, domains, origin, settings, lock)
    try:
        expansion.arrive(address)
    except Refused as refused:
        return expansion.found.refusal(refused)
    return expansion.found.decision()
