"""Login names: ``name`` or ``name@local-domain``, in any case, as the account name they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .wire.saslprep import saslprep


class LocalNames:
    """Knows the local domains (``domains.local``: wildcards and single addresses allowed)."""

    def __init__(self, domains: Iterable[str]) -> None:
        self._local = [local_pattern(domain) for domain in domains]

    def account_name(self, given: str) -> str | None:
        """The lower-case account name that ``given`` means; None when it cannot be one."""
        try:
            name = saslprep(given).lower()
        except ValueError:
            return None
        local, at, domain = name.rpartition("@")
        if not at:
            return name or None
        address = f"{local}@{ascii_domain(domain)}"
        return local if local and any(pattern.fullmatch(address) for pattern in self._local) else None


def ascii_domain(domain: str) -> str:
    """A domain with its international labels in ASCII form, for comparing; unchanged when it has none."""
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain


def local_pattern(entry: str) -> re.Pattern[str]:
    """One entry of ``domains.local`` (a domain or an address; ``*`` and ``?`` are wildcards) as a pattern for lower-case addresses."""
    local, _, domain = entry.lower().rpartition("@")
    address = f"{local or '*'}@{ascii_domain(domain)}"
    return re.compile("".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in address))
