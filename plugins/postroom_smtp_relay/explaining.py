"""Says in words how a relay hands mail on (``postroom explain``)."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.provided import Outgoing

from .accounts import Account, choose
from .settings import RelaySettings

SECURITY = {
    "none": "without encryption",
    "starttls-if-available": "with STARTTLS if it is offered",
    "starttls": "only with STARTTLS",
    "starttls-required": "only with STARTTLS",
    "tls": "with TLS from the first byte",
}


def explained(settings: RelaySettings, accounts: Sequence[Account], outgoing: Outgoing) -> list[str]:
    """The servers, how they are protected, with which login, and who takes over."""
    servers = ", ".join(settings.servers)
    order = "" if len(settings.servers) == 1 else "the first that is ready of "
    checked = ", whose certificate must be valid" if settings.verify and settings.encryption != "none" else ""
    lines = [f"handed to {order}{servers}, {SECURITY[settings.encryption]}{checked}"]
    lines += _logins(accounts, outgoing)
    if settings.fallback:
        nobody = ", and the mail of those who have no account" if not any(not account.whose for account in accounts) else ""
        lines.append(f"while it cannot be used: by {', '.join(settings.fallback)}{nobody}")
    return lines


def _logins(accounts: Sequence[Account], outgoing: Outgoing) -> list[str]:
    """The login of this message; those of all while neither user nor sender is known."""
    found: Sequence[Account | None] = accounts if outgoing.user is None and not outgoing.sender else [choose(accounts, outgoing)]
    lines = [_login(one, len(accounts) > 1) for one in found if one is not None and (one.whose or one.username)]
    if None in found:
        lines.append("no account is for this message")
    if outgoing.user is not None and not outgoing.sender and any(one.by_address for one in accounts):
        lines.append("its From address is not known here (--from)")
    return lines


def _login(account: Account, several: bool) -> str:
    if not account.whose:
        return f"{'all other mail' if several else 'logged in'} as {account.username}"
    own = {f"{hop.host}:{hop.port}" for hop in account.hops}
    return f"mail of {account.whose} as {account.username} at {', '.join(sorted(own))}"
