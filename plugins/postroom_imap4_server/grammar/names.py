"""Mailbox names: modified UTF-7 (RFC 3501 section 5.1.3) or UTF-8 (RFC 9051 section 5.1), checked strictly, and which names may be made."""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata

from postroom.store.folders import DEEPEST, LONGEST, SEPARATOR

__all__ = ["SEPARATOR", "check_new", "decode", "encode"]

LONGEST_PART = 250  # bytes of one level: what file systems and other servers can take too

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_PLAIN = re.compile(r"[\x20-\x25\x27-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def decode(raw: bytes, *, utf8: bool) -> str:
    """The name that a client wrote. Raises ValueError, in words, for an encoding that is not allowed. INBOX is INBOX in any case."""
    # One spelling for all clients (RFC 5198: Net-Unicode), or those that write UTF-7 and those that write UTF-8 would miss each other's
    name = unicodedata.normalize("NFC", _from_utf8(raw) if utf8 else _from_utf7(raw))
    first, separator, rest = name.partition(SEPARATOR)
    return f"INBOX{separator}{rest}" if first.upper() == "INBOX" else name


def encode(name: str, *, utf8: bool) -> bytes:
    """The name as a client gets it."""
    return name.encode("utf-8", "replace") if utf8 else _to_utf7(name)


def check_new(name: str) -> None:
    """Whether a mailbox of this name may be made. Raises ValueError with what is wrong."""
    parts = name.split(SEPARATOR)
    if _CONTROL.search(name):
        raise ValueError("a mailbox name must not hold control characters")
    if "%" in name or "*" in name:
        raise ValueError("a mailbox name must not hold the wildcards % and *")
    if "" in parts:
        raise ValueError("a level of a mailbox name must not be empty")
    if {".", ".."} & set(parts):
        raise ValueError("a level of a mailbox name must not be . or ..")
    if any(part != part.strip() for part in parts):
        raise ValueError("a level of a mailbox name must not begin or end with a space")
    if len(parts) > DEEPEST or len(name.encode()) > LONGEST or any(len(part.encode()) > LONGEST_PART for part in parts):
        raise ValueError("the mailbox name is too long")


def _from_utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the mailbox name is not UTF-8") from None


def _from_utf7(raw: bytes) -> str:
    if not raw.isascii():
        raise ValueError("the mailbox name is not in modified UTF-7")
    text, parts, at = raw.decode("ascii"), [], 0
    while at < len(text):
        if text[at] == "&":
            shifted = _SHIFTED.match(text, at)
            if shifted is None:
                raise ValueError("the mailbox name is not in modified UTF-7: & without an end")
            parts.append(_unshifted(shifted[1]))
            at = shifted.end()
            if shifted[1] and text[at : at + 1] == "&" and text[at : at + 2] != "&-":
                raise ValueError("the mailbox name is not in modified UTF-7: a null shift")
        else:
            plain = _PLAIN.match(text, at)
            if plain is None or not plain[0]:
                raise ValueError("the mailbox name holds a control character")
            parts.append(plain[0])
            at = plain.end()
    return "".join(parts)


def _unshifted(code: str) -> str:
    """What stands between & and -; strictly: no superfluous encoding, no left-over bits."""
    if not code:
        return "&"
    try:
        data = base64.b64decode(code.replace(",", "/") + "=" * (-len(code) % 4), validate=True)
        found = data.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the mailbox name is not in modified UTF-7: wrong base64") from None
    if not found or _shift(found) != code or any(" " <= character <= "~" for character in found):
        raise ValueError("the mailbox name is not in modified UTF-7: wrongly encoded")
    return found


def _to_utf7(name: str) -> bytes:
    if _PLAIN.fullmatch(name):
        return name.encode("ascii")  # nearly every name of nearly every list
    parts: list[str] = []
    waiting: list[str] = []
    for character in name:
        if " " <= character <= "~":
            if waiting:
                parts.append(f"&{_shift(''.join(waiting))}-")
                waiting = []
            parts.append("&-" if character == "&" else character)
        else:
            waiting.append(character)
    if waiting:
        parts.append(f"&{_shift(''.join(waiting))}-")
    return "".join(parts).encode("ascii")


def _shift(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-be", "surrogatepass")).decode("ascii").rstrip("=").replace("/", ",")
