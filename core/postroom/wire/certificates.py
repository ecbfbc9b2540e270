"""Certificates: a self-signed one for the first start, and the hash of a certificate for channel binding."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from pathlib import Path

FILE = "self-signed.pem"  # key and certificate in one file, so that two processes can never see halves of two pairs
DAYS = 3652


def self_signed(data_dir: Path, hostname: str) -> Path:
    """The path of the self-signed certificate (with its key, mode 0600) in ``data_dir``; made when it is missing.

    Raises OSError when the directory cannot be written.
    """
    path = data_dir / FILE
    if path.exists():
        return path
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".{FILE}.{os.getpid()}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(_pem(hostname))
    try:
        with contextlib.suppress(FileExistsError):  # another process was first: its pair is as good
            os.link(draft, path)
    finally:
        draft.unlink()
    return path


def _pem(hostname: str) -> bytes:
    """A new EC P-256 key and a certificate of ten years for ``hostname`` and localhost."""
    from cryptography import x509  # here: it costs 60 ms, and a server with a certificate of its own may not need it
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hostname[:64])])  # 64: RFC 5280 ub-common-name
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(one) for one in dict.fromkeys((hostname, "localhost"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # clocks differ
        .not_valid_after(now + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)  # so that a client can trust it as it is
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret + certificate.public_bytes(serialization.Encoding.PEM)


def endpoint_hash(der: bytes) -> bytes:
    """The tls-server-end-point data of a certificate (RFC 5929 4.1); empty when its signature has no single hash."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    algorithm = x509.load_der_x509_certificate(der).signature_hash_algorithm
    if algorithm is None:  # Ed25519 and the like: undefined by the RFC
        return b""
    weak = algorithm.name in ("md5", "sha1")
    digest = hashes.Hash(hashes.SHA256() if weak else algorithm)
    digest.update(der)
    return digest.finalize()
