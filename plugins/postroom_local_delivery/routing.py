"""Decides where the mail of one recipient goes: a pure function over a snapshot of users, mappings and lists."""

from __future__ import annotations

from postroom.mail.local_domains import LocalDomains
from postroom.store.directory import Directory

from .expansion import Expansion, Origin
from .gathering import Decision, Refused
from .mappings import Mappings
from .settings import Settings


def resolve(address: str, directory: Directory, mappings: Mappings, domains: LocalDomains, origin: Origin, settings: Settings) -> Decision:
    """Where mail for ``address`` (or a bare name) goes and why; never raises: what cannot be is a refusing route."""
    expansion = Expansion(directory, mappings, domains, origin, settings)
    try:
        expansion.arrive(address)
    except Refused as refused:
        return expansion.found.refusal(refused)
    return expansion.found.decision()
