"""A certificate authority for tests: roots, intermediates, and certificates of servers with whatever is wrong with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and the one that issued it (None: itself)."""

    certificate: x509.Certificate
    key: Any
    issuer: Issued | None = None

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def chain(self) -> list[Issued]:
        """From this one up to the root."""
        return [self, *(self.issuer.chain if self.issuer else [])]

    def pem(self, *, chain: bool = True) -> bytes:
        """The key and the certificate, with those above it."""
        secret = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        shown = self.chain if chain else [self]
        return bytes(secret) + b"".join(one.certificate.public_bytes(serialization.Encoding.PEM) for one in shown)

    def write(self, folder: Path, name: str = "server.pem") -> Path:
        """A file with key and chain."""
        path = folder / name
        path.write_bytes(self.pem())
        return path

    def write_ca(self, folder: Path, name: str = "ca.pem") -> Path:
        """A file with this certificate alone, to be trusted."""
        path = folder / name
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return path


def issue(
    *names: str,
    by: Issued | None = None,
    common_name: str = "",
    ca: bool = False,
    path_length: int | None = None,
    start: dt.timedelta = -DAY,
    end: dt.timedelta = 30 * DAY,
    key: Any = None,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> Issued:
    """A new certificate for ``names``; ``start`` and ``end`` count from now; ``extra`` are further extensions, each critical or not."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name or (names[0] if names else "authority"))])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    signer = by.key if by else key
    algorithm = None if "Ed25519" in type(signer).__name__ else hashes.SHA256()
    return Issued(builder.sign(signer, algorithm), key, by)


def root(name: str = "Test root", **options: Any) -> Issued:
    """An authority."""
    return issue(common_name=name, ca=True, **options)


CLIENT_ONLY = (ExtendedKeyUsageOID.CLIENT_AUTH,)
