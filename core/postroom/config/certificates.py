"""Notes on the certificates: they can be used, but clients will complain of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from .document import Location
    from .schema import Config

SOON = dt.timedelta(days=14)  # automatic renewal has happened long before


def remarks(config: Config, now: dt.datetime) -> Iterator[tuple[Location, str]]:
    """What is to be noted of the dates and names of the certificates that are set. Files that cannot be read are left out."""
    named: list[str] = []
    for place, path in _files(config):
        certificate = _first(path)
        if certificate is not None:
            named += _names(certificate)
            yield from ((place, words) for words in _of_dates(certificate, now))
    wanted = config.server.hostname
    if named and not any(name in (wanted, "*." + wanted.partition(".")[2]) for name in named):
        words = f"is not for {wanted} (server.hostname) but for {', '.join(dict.fromkeys(named))}; clients have to use one of these names"
        yield ("tls", "certificate"), words


def _files(config: Config) -> Iterator[tuple[Location, Path]]:
    if config.tls.certificate is not None:
        yield ("tls", "certificate"), config.tls.certificate
        yield from ((("tls", "sni", index, "certificate"), one.certificate) for index, one in enumerate(config.tls.sni))


def _first(path: Path) -> Certificate | None:
    from cryptography import x509  # here: it costs 60 ms, and most commands need none of it

    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _names(certificate: Certificate) -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [name.lower() for name in names]


def _of_dates(certificate: Certificate, now: dt.datetime) -> Iterator[str]:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end < now:
        yield f"expired on {end:%Y-%m-%d}; clients refuse it until it is renewed"
    elif end - now < SOON:
        yield f"expires on {end:%Y-%m-%d}; renew it before"
    if now < begin:
        yield f"is valid only from {begin:%Y-%m-%d} on; is the clock of this machine right?"
