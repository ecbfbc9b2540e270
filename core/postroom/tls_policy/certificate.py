"""Certificates by their bytes: the part that holds the public key, names, and whether one was issued by another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID

SEQUENCE = 0x30
VERSION = 0xA0
BEFORE_KEY = 5  # serial number, signature, issuer, validity, subject (RFC 5280 section 4.1)
UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName, x509.CertificatePolicies)
FAULTS = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


class BadCertificate(Exception):
    """These bytes are no certificate, or one of a kind that is not known; the text says which."""


def key_of(der: bytes) -> bytes:
    """SubjectPublicKeyInfo as it stands in the certificate, whatever its algorithm. Raises BadCertificate."""
    try:
        start, end = _inside(der, *_inside(der, 0, len(der)))  # Certificate, then tbsCertificate
        if der[start] == VERSION:
            start = _whole(der, start, end)
        for _ in range(BEFORE_KEY):
            start = _whole(der, start, end)
        if der[start] != SEQUENCE:
            raise BadCertificate("not a certificate")
        return der[start : _whole(der, start, end)]
    except IndexError:
        raise BadCertificate("not a certificate") from None


def _inside(der: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the content of the SEQUENCE at ``at`` begins and ends."""
    if der[at] != SEQUENCE:
        raise BadCertificate("not a certificate")
    start, size = _length(der, at + 1)
    if start + size > end:
        raise BadCertificate("not a certificate")
    return start, start + size


def _whole(der: bytes, at: int, end: int) -> int:
    """Where the element at ``at`` ends."""
    start, size = _length(der, at + 1)
    if start + size > end:
        raise BadCertificate("not a certificate")
    return start + size


def _length(der: bytes, at: int) -> tuple[int, int]:
    """Where the content begins, and its length (X.690 section 8.1.3, definite forms)."""
    first = der[at]
    if first < 0x80:
        return at + 1, first
    count = first & 0x7F
    if not 0 < count <= 4:
        raise BadCertificate("not a certificate")
    end = at + 1 + count
    return end, int.from_bytes(der[at + 1 : end], "big")


def parsed(der: bytes) -> x509.Certificate:
    """The certificate. Raises BadCertificate."""
    try:
        return x509.load_der_x509_certificate(der)
    except FAULTS as error:
        raise BadCertificate(f"not a certificate: {error}") from None


def names_of(certificate: x509.Certificate) -> list[str]:
    """The host names that it is for, with wildcards; of its subject only if it has no list of its own (RFC 6125 section 6.4.4)."""
    try:
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        listed = []
    except FAULTS as error:
        raise BadCertificate(f"its extensions cannot be read: {error}") from None
    if listed:
        return [name.lower().rstrip(".") for name in listed]
    return [str(one.value).lower().rstrip(".") for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]


def fits(pattern: str, name: str) -> bool:
    """True when a name of a certificate covers a host: a wildcard stands for one whole label, the first (RFC 6125 section 6.4.3)."""
    if pattern.startswith("*."):
        label, dot, rest = name.partition(".")
        return bool(label and dot) and "." in rest and rest == pattern[2:]
    return pattern == name


def in_time(certificate: x509.Certificate, now: float) -> bool:
    """True when it is valid at ``now`` (epoch seconds)."""
    at = dt.datetime.fromtimestamp(now, dt.UTC)
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """True when the names chain and ``issuer`` has signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *FAULTS):
        return False
    return True


def signed_by_key(certificate: x509.Certificate, spki: bytes) -> bool:
    """True when the owner of this public key has signed it."""
    try:
        key = load_der_public_key(spki)
        given, data, parameters = certificate.signature, certificate.tbs_certificate_bytes, certificate.signature_algorithm_parameters
        if isinstance(key, rsa.RSAPublicKey) and certificate.signature_hash_algorithm is not None:
            key.verify(given, data, parameters, certificate.signature_hash_algorithm)  # type: ignore[arg-type]
        elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
            key.verify(given, data, parameters)
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(given, data)
        else:
            return False
    except (InvalidSignature, *FAULTS):
        return False
    return True


def may_issue(certificate: x509.Certificate, below: int) -> bool:
    """True when it may issue, with ``below`` others between it and the server's (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""
    try:
        extensions = certificate.extensions
        if any(one.critical and not isinstance(one.value, UNDERSTOOD) for one in extensions):
            return False
        usage = next((one.value for one in extensions if isinstance(one.value, x509.KeyUsage)), None)
        if usage is not None and not usage.key_cert_sign:
            return False
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return certificate.version is x509.Version.v1  # old roots of private authorities know no extensions
    except FAULTS:
        return False
    return constraints.ca and (constraints.path_length is None or below <= constraints.path_length)


def may_serve(certificate: x509.Certificate) -> bool:
    """True when it is fit for a TLS server (RFC 5280 section 4.2.1.12); one that names no purpose is."""
    try:
        purposes: Sequence[x509.ObjectIdentifier] = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return True
    except FAULTS:
        return False
    return any(one in (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE) for one in purposes)
