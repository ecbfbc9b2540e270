"""Holds a TLS connection against a demand: the context before the handshake, the certificate after it, and what a failure is called."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from ..wire import tls
from .dane import Mistrust, verify
from .demand import Demand, Level, Result

__all__ = ["Contexts", "Mistrust", "check", "result_of"]

# OpenSSL's numbers (X509_V_ERR_…)
EXPIRED = (9, 10)  # not yet valid, has expired
OTHER_NAME = (62, 64)  # host name mismatch, address mismatch
UNTRUSTED = (
    2,
    7,
    18,
    19,
    20,
    21,
)  # issuer not found, wrong signature, self-signed alone or in the chain, issuer not here, first not verified


class Contexts:
    """TLS contexts by what is demanded; ``ca``: issuers in place of the system's. Making one costs about 20 ms, so they are kept."""

    def __init__(self, ca: Path | None = None) -> None:
        self._ca = ca
        self._made: dict[bool, ssl.SSLContext] = {}

    def of(self, demand: Demand) -> ssl.SSLContext:
        """The context for a connection. Raises OSError when ``ca`` cannot be used."""
        verifying = demand.level == Level.CERTIFICATE  # for DANE ``check`` judges: the issuers of the system have no say in it
        if verifying not in self._made:
            context = tls.client_context(verifying, self._ca)
            if verifying:
                context.hostname_checks_common_name = False  # RFC 8461 section 4.2: DNS names of the certificate alone
            self._made[verifying] = context
        return self._made[verifying]


def check(sock: Any, demand: Demand, now: float) -> str:
    """After the handshake: how the server is known, in words. Raises Mistrust when ``demand`` is DANE and the certificate does not fit.

    ``sock`` is the TLS socket (``stream.sock``), ``now`` epoch seconds.
    """
    if demand.level == Level.DANE:
        record = verify(tls.peer_chain(sock), demand.tlsa, demand.names, now)
        return f"its certificate fits the TLSA record {record.usage} {record.selector} {record.matching}"
    if demand.level == Level.CERTIFICATE:
        return f"its certificate is valid for {demand.sni}"
    return "its certificate is not looked at"


def result_of(error: tls.HandshakeFailed) -> str:
    """How RFC 8460 section 4.3 calls a failed handshake."""
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return Result.VALIDATION
    code = cause.verify_code
    if code in OTHER_NAME:
        return Result.HOST_MISMATCH
    if code in EXPIRED:
        return Result.EXPIRED
    return Result.NOT_TRUSTED if code in UNTRUSTED else Result.VALIDATION
