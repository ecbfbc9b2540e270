"""DKIM (RFC 6376, RFC 8301, RFC 8463): signing and verifying. No I/O and no clock: bytes, key records and times are handed in."""

from .body import BodyHash, hash_body
from .keys import KeyRecord, KeyUnavailable, PrivateKey, generate, is_published, key_name, load_private, parse_record, record_text
from .signature import BadSignature, Signature
from .signing import Plan, sign
from .tags import BadTags
from .verifying import Result, key_names, verify

__all__ = [
    "BadSignature",
    "BadTags",
    "BodyHash",
    "KeyRecord",
    "KeyUnavailable",
    "Plan",
    "PrivateKey",
    "Result",
    "Signature",
    "generate",
    "hash_body",
    "is_published",
    "key_name",
    "key_names",
    "load_private",
    "parse_record",
    "record_text",
    "sign",
    "verify",
]
