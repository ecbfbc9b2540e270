"""Whether a server's certificates fit the TLSA records (RFC 6698, RFC 7671, and RFC 7672 for SMTP). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ..dns import Tlsa
from .certificate import (
    FAULTS,
    BadCertificate,
    fits,
    in_time,
    issued_by,
    key_of,
    may_issue,
    may_serve,
    names_of,
    parsed,
    signed_by_key,
)
from .demand import Result

TA, EE = 2, 3  # DANE-TA and DANE-EE; those of PKIX (0, 1) are of no use for SMTP: RFC 7672 section 3.1.3
CERTIFICATE, KEY = 0, 1
FULL, SHA256, SHA512 = 0, 1, 2
LENGTHS = {SHA256: 32, SHA512: 64}
DIGESTS: dict[int, Callable[[bytes], bytes]] = {
    FULL: bytes,
    SHA256: lambda data: hashlib.sha256(data).digest(),
    SHA512: lambda data: hashlib.sha512(data).digest(),
}
LONGEST_CHAIN = 10  # certificates that are looked at


class Mistrust(Exception):
    """The certificate is not what was demanded: in words, and as RFC 8460 section 4.3 names it."""

    def __init__(self, words: str, result: str) -> None:
        super().__init__(words)
        self.result = result


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """Those of ``records`` that can prove a certificate; with several digests of one kind only the strongest (RFC 7671 section 9)."""
    good = [one for one in records if _is_usable(one)]
    strongest = {(one.usage, one.selector): 0 for one in good}
    for one in good:
        strongest[one.usage, one.selector] = max(strongest[one.usage, one.selector], one.matching)
    return tuple(one for one in good if one.matching in (FULL, strongest[one.usage, one.selector]))


def _is_usable(record: Tlsa) -> bool:
    if record.usage not in (TA, EE) or record.selector not in (CERTIFICATE, KEY) or record.matching not in DIGESTS:
        return False
    if record.matching != FULL:
        return len(record.data) == LENGTHS[record.matching]
    try:
        if record.selector == CERTIFICATE:
            parsed(record.data)
        else:
            load_der_public_key(record.data)
    except (BadCertificate, *FAULTS):
        return False
    return True


def verify(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], now: float) -> Tlsa:
    """The record that proves the certificates ``chain`` (DER, the server's own first) for one of ``names``. Raises Mistrust."""
    if not chain:
        raise Mistrust("it shows no certificate", Result.VALIDATION)
    chain = chain[:LONGEST_CHAIN]
    for record in records:
        if record.usage == EE and _matches(record, chain[0]):
            return record  # neither names nor dates count: RFC 7672 section 3.1.1
    anchors = [record for record in records if record.usage == TA]
    if not anchors:
        raise Mistrust(f"its certificate does not fit the TLSA record{'s' * (len(records) != 1)}", Result.VALIDATION)
    return _anchored(chain, anchors, names, now)


def _matches(record: Tlsa, der: bytes) -> bool:
    try:
        chosen = der if record.selector == CERTIFICATE else key_of(der)
    except BadCertificate:
        return False
    return DIGESTS[record.matching](chosen) == record.data


def _anchored(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], now: float) -> Tlsa:
    """By a trust anchor (RFC 7672 section 3.1.2): a chain up to it, names and dates."""
    try:
        certificates = [parsed(der) for der in chain]
        shown = names_of(certificates[0])
    except BadCertificate as error:
        raise Mistrust(f"its certificate cannot be read: {error}", Result.VALIDATION) from None
    path, record = _path(certificates, records)
    if not any(fits(pattern, name) for pattern in shown for name in names):
        raise Mistrust(f"its certificate is for {', '.join(shown[:5]) or 'nobody'}, not for {' or '.join(names)}", Result.HOST_MISMATCH)
    if not all(in_time(one, now) for one in path):
        raise Mistrust("a certificate of its chain has expired, or is not valid yet", Result.EXPIRED)
    if not may_serve(path[0]) or not all(may_issue(one, depth) for depth, one in enumerate(path[1:])):
        raise Mistrust("a certificate of its chain is not meant for this use", Result.NOT_TRUSTED)
    return record


def _path(certificates: Sequence[x509.Certificate], records: Sequence[Tlsa]) -> tuple[list[x509.Certificate], Tlsa]:
    """From the server's certificate up to the first that a record names. Raises Mistrust."""
    given = [parsed(one.data) for one in records if one.selector == CERTIFICATE and one.matching == FULL]  # need not be shown
    path = [certificates[0]]
    while len(path) <= LONGEST_CHAIN:
        for record in records:
            if len(path) > 1 and _names(record, path[-1]):
                return path, record
            if record.selector == KEY and record.matching == FULL and signed_by_key(path[-1], record.data):
                return path, record
        issuer = next((one for one in (*certificates[1:], *given) if one not in path and issued_by(path[-1], one)), None)
        if issuer is None:
            break
        path.append(issuer)
    raise Mistrust("no certificate of its chain fits a TLSA record", Result.NOT_TRUSTED)


def _names(record: Tlsa, certificate: x509.Certificate) -> bool:
    return _matches(record, _der(certificate))


def _der(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)
