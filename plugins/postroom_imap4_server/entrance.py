"""The end of every login, whichever command it came by: failures are counted, sessions of a user and of an address are limited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postroom.throttle import network_of
from postroom.wire.sasl import Denied

from .capabilities import offered
from .refusals import Bye, No

if TYPE_CHECKING:
    from postroom.store.accounts import Account

    from .session import Session


def enter(session: Session, outcome: Account | Denied) -> str:
    """Let somebody in; the text of the OK. Raises No, after which the session may be over."""
    if isinstance(outcome, Denied):
        raise _denied(session, outcome)
    claims = tuple(_claims(session, outcome))
    counts = [(session.context.tally.enter(key), most) for key, most in claims]
    session.claims = tuple(key for key, _ in claims)
    if any(count > most for count, most in counts):
        session.close()
        session.client.user = None
        raise No("too many sessions are open, close another mail client or try again later", "LIMIT")  # RFC 5530 section 3
    session.account, session.failures = outcome, 0
    return f"[CAPABILITY {' '.join(offered(session))}] Logged in"


def _claims(session: Session, account: Account) -> list[tuple[str, int]]:
    """What this session counts for, with how many there may be."""
    settings, client = session.settings, session.client
    site = network_of(client.address)
    found = [(f"imap4-user {account.id}", settings.max_logins_per_user)]
    if site != "loopback" and not client.no_auth:  # behind loopback are proxies and web mail
        found.append((f"imap4-address {settings.id} {site}", settings.max_logins_per_address))
    return found


def _denied(session: Session, outcome: Denied) -> No:
    if outcome.temporary:
        refusal = No(outcome.reply.text, "UNAVAILABLE")  # RFC 5530 section 3
    else:
        refusal = No("Login failed", "AUTHENTICATIONFAILED")
    session.failures += 1
    if outcome.disconnect or session.failures >= session.settings.max_failed_logins:
        session.then = _goodbye
    return refusal


def _goodbye() -> None:
    raise Bye("Too many failed logins")
