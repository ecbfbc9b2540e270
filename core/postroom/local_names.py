"""Login names: ``name`` or ``name@local-domain``, in any case, as the account name they mean."""

from __future__ import annotations

from collections.abc import Iterable

from .mail.local_domains import LocalDomains, fold_domain, fold_name
from .wire.saslprep import saslprep


class LocalNames:
    """Knows the local domains (``domains.local``: wildcards and single addresses allowed)."""

    def __init__(self, domains: Iterable[str]) -> None:
        self._local = LocalDomains("", domains)

    def account_name(self, given: str) -> str | None:
        """The lower-case account name that ``given`` means; None when it cannot be one."""
        try:
            name = saslprep(given).lower()
        except ValueError:
            return None
        local, at, domain = name.rpartition("@")
        if not at:
            return name or None
        return local if local and self._local.covers(fold_name(local), fold_domain(domain)) else None
