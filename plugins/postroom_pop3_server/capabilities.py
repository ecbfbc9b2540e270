"""What CAPA offers (RFC 2449), computed from the state of the session in this one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Situation:
    """What the offer depends on."""

    authenticated: bool
    starttls: bool  # STLS may be used now
    user: bool  # USER and PASS are taken on this connection
    mechanisms: tuple[str, ...]
    login_delay: int  # seconds
    version: str


def offered(now: Situation) -> list[str]:
    """The lines of CAPA."""
    delay = f"LOGIN-DELAY {now.login_delay}" + ("" if now.authenticated else " USER")
    return [
        "TOP",
        "UIDL",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "EXPIRE NEVER",
        "UTF8",
        "LANG",
        *([delay] if now.login_delay else []),
        *(["USER"] if now.user else []),
        *([f"SASL {' '.join(now.mechanisms)}"] if now.mechanisms else []),
        *(["STLS"] if now.starttls else []),
        f"IMPLEMENTATION Postroom-{now.version}" if now.authenticated else "IMPLEMENTATION Postroom",
    ]
