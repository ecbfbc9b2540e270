"""What EHLO offers, decided in one place from the service and the state of the session."""

from __future__ import annotations

from collections.abc import Sequence

from .settings import SmtpService


def words(service: SmtpService, *, tls: bool, mechanisms: Sequence[str]) -> list[str]:
    """The EHLO keywords with their parameters. ``mechanisms``: what AUTH may use now; empty when AUTH is not to be offered."""
    offered = [
        "PIPELINING",  # RFC 2920
        f"SIZE {service.max_message_size}",  # RFC 1870
        "8BITMIME",  # RFC 6152
        "SMTPUTF8",  # RFC 6531
        "CHUNKING",  # RFC 3030
        "BINARYMIME",  # RFC 3030
        "ENHANCEDSTATUSCODES",  # RFC 2034
        f"LIMITS MAILMAX={service.max_messages} RCPTMAX={service.max_recipients}",  # RFC 9422
        "ETRN",  # RFC 1985
        "HELP",
    ]
    if not service.disable_dsn:
        offered.append("DSN")  # RFC 3461
    if offers_starttls(service, tls=tls):
        offered.append("STARTTLS")  # RFC 3207
    if tls:
        offered.append("REQUIRETLS")  # RFC 8689 section 2: only under TLS
    if mechanisms:
        offered.append("AUTH " + " ".join(mechanisms))  # RFC 4954
    return offered


def offers_starttls(service: SmtpService, *, tls: bool) -> bool:
    """True while STARTTLS may be used."""
    return not tls and service.encryption in ("starttls", "starttls-required")


def reply(hostname: str, offered: Sequence[str]) -> bytes:
    """The whole answer to EHLO (RFC 5321 section 4.1.1.1)."""
    lines = [hostname, *offered]
    return b"".join(f"250{' ' if last else '-'}{line}\r\n".encode("ascii") for line, last in zip(lines, _lasts(len(lines)), strict=True))


def _lasts(count: int) -> list[bool]:
    return [False] * (count - 1) + [True]
