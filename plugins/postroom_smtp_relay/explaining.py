"""Says in words how a relay hands mail on (``postroom explain``)."""

from __future__ import annotations

from collections.abc import Sequence

from .accounts import Account
from .settings import RelaySettings

SECURITY = {
    "none": "without encryption",
    "starttls-if-available": "with STARTTLS if it is offered",
    "starttls": "only with STARTTLS",
    "starttls-required": "only with STARTTLS",
    "tls": "with TLS from the first byte",
}


def explained(settings: RelaySettings, accounts: Sequence[Account]) -> list[str]:
    """The servers, how they are protected, which login is whose, and who takes over."""
    servers = ", ".join(settings.servers)
    order = "" if len(settings.servers) == 1 else "the first that is ready of "
    checked = ", whose certificate must be valid" if settings.verify and settings.encryption != "none" else ""
    lines = [f"handed to {order}{servers}, {SECURITY[settings.encryption]}{checked}"]
    lines += [_login(account, len(accounts) > 1) for account in accounts if account.whose or account.username]
    if settings.fallback:
        nobody = ", and the mail of those who have no account" if not any(not account.whose for account in accounts) else ""
        lines.append(f"while it cannot be used: by {', '.join(settings.fallback)}{nobody}")
    return lines


def _login(account: Account, several: bool) -> str:
    if not account.whose:
        return f"{'all other mail' if several else 'logged in'} as {account.username}"
    own = {f"{hop.host}:{hop.port}" for hop in account.hops}
    return f"mail of {account.whose} as {account.username} at {', '.join(sorted(own))}"
