"""Lets new keys sign as soon as the DNS has their records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from postroom.dns import Answer, DnsFailure
from postroom.mail.dkim import is_published
from postroom.store.signing_keys import SigningKeys

EVERY = 600.0  # seconds between two looks


def activate_published(keys: SigningKeys, txt: Callable[[str], Answer[str]], log: Any) -> None:
    """Look for the record of each waiting key, and let those sign that are there."""
    for key in keys.all():
        if key.state != "next":
            continue
        try:
            seen = is_published(key.record, txt(key.name).records)
        except DnsFailure as failure:
            log.info("dkim.not_seen", record=key.name, reason=str(failure))
            continue
        if seen and keys.activate(key):
            log.info("dkim.key_activated", domain=key.domain, selector=key.selector)
