"""Mail addresses: the paths of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531 section 3.3) and what they are made of.

A path is read strictly, into one canonical spelling: the source route is dropped, the domain is in lower case, and a quoted
local part loses the quotes when it does not need them, so that two spellings of one mailbox compare equal.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

MAX_LOCAL = 64  # octets, RFC 5321 4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 4.5.3.1.2
MAX_PATH = 256  # octets with the angle brackets, RFC 5321 4.5.3.1.3
MAX_LABEL = 63  # octets, RFC 1035 2.3.4

# The local part and domain of nearly every address there is: one match instead of a parse.
PLAIN = re.compile(r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*)@([A-Za-z0-9.-]+)>")
ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
DOT_STRING = re.compile(f"[{ATEXT}]+(?:\\.[{ATEXT}]+)*")
DOT_STRING_UTF8 = re.compile(f"[{ATEXT}\u0080-\U0010ffff]+(?:\\.[{ATEXT}\u0080-\U0010ffff]+)*")  # RFC 6531 3.3
QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*)"')  # RFC 5321 4.1.2 Quoted-string
ROUTE = re.compile(r"@[A-Za-z0-9.-]+(?:,@[A-Za-z0-9.-]+)*:")  # A-d-l: accepted and ignored (RFC 5321 appendix C)
LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")  # underscores are against RFC 1035, and in use
DOMAIN_END = re.compile(r"[>\s]")
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # controls, line separators, undecodable bytes


class BadAddress(ValueError):
    """Not an address, or not one that we take; the text says why, fit to be sent to the client."""


def parse_path(text: str, *, utf8: bool = False, allow_null: bool = False) -> tuple[str, str]:
    """The address of a path as MAIL FROM: or RCPT TO: gives it, and what stands behind it.

    ``utf8``: SMTPUTF8 is in force; ``allow_null``: ``<>`` is allowed and comes back as "". ``<postmaster>`` comes back without
    a domain (RFC 5321 section 4.5.1). The rest is the parameters without the space before them. Raises BadAddress.
    """
    text = text.lstrip(" ")  # "FROM: <a@b>" is wrong and common
    plain = PLAIN.match(text)
    if plain and (plain.end() == len(text) or text[plain.end()] == " ") and plain.end() <= MAX_PATH:
        local, domain = plain.groups()
        return f"{_sized(local)}@{check_domain(domain)}", text[plain.end() :].strip(" ")
    if not text.startswith("<"):
        raise BadAddress("Address must be in angle brackets")
    address, end = _mailbox(text, utf8=utf8, allow_null=allow_null)
    if end < len(text) and text[end] != " ":
        raise BadAddress("Unexpected characters after the address")
    return address, text[end:].strip(" ")


def parse_address(text: str, *, utf8: bool = True) -> str:
    """The canonical spelling of an address without angle brackets (from a command line or a setting). Raises BadAddress."""
    address, rest = parse_path(f"<{text}>", utf8=utf8)
    if rest or "@" not in address:
        raise BadAddress(f"Not an address: {text!r}")
    return address


def split(address: str) -> tuple[str, str]:
    """Local part and domain; the domain is "" when there is none. Splits at the last @: the local part may hold one in quotes."""
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (address, "")


def unquoted(local: str) -> str:
    """The local part without its quotes and backslashes: what it means, as opposed to how it is written."""
    quoted = QUOTED.fullmatch(local)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else local


def written(meaning: str) -> str:
    """The local part that means this, with quotes only where they are needed (RFC 5321 section 4.1.2: the plain form is preferred)."""
    return meaning if DOT_STRING_UTF8.fullmatch(meaning) else '"' + re.sub(r'(["\\])', r"\\\1", meaning) + '"'


def is_ascii(address: str) -> bool:
    """True when the address needs no SMTPUTF8 on its way."""
    return address.isascii()


@lru_cache(maxsize=4096)
def check_domain(domain: str, *, utf8: bool = False) -> str:
    """The domain in lower case, a U-label as it is. Raises BadAddress. Address literals are domains too."""
    if domain.startswith("["):
        return _literal(domain)
    if len(domain.encode("utf-8", "surrogatepass")) > MAX_DOMAIN:
        raise BadAddress("Domain too long")
    if not domain.isascii():
        if not utf8:
            raise BadAddress("Domain has characters that need SMTPUTF8")
        return _remapped(domain)
    for label in domain.split("."):
        if len(label) > MAX_LABEL or not LABEL.fullmatch(label):
            raise BadAddress(f"Invalid domain name {domain}" if domain.isprintable() and len(domain) < 100 else "Invalid domain name")
    return domain.lower()


@lru_cache(maxsize=4096)
def domain_to_ascii(domain: str) -> str:
    """The domain as DNS wants it: A-labels, lower case (RFC 5891). Raises BadAddress."""
    if domain.isascii():
        return domain.lower()
    import idna  # its tables take long to load, and most servers never meet a U-label

    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise BadAddress("Invalid internationalized domain name") from None


def same_domain(one: str, other: str) -> bool:
    """True when two spellings (upper and lower case, A-label and U-label) name one domain; never raises."""
    try:
        return domain_to_ascii(one) == domain_to_ascii(other)
    except BadAddress:
        return one.lower() == other.lower()


def _mailbox(text: str, *, utf8: bool, allow_null: bool) -> tuple[str, int]:
    if text.startswith("<>"):
        if not allow_null:
            raise BadAddress("The null address is not allowed here")
        return "", 2
    route = ROUTE.match(text, 1)
    start = route.end() if route else 1
    local, end = _local_part(text, start, utf8=utf8)
    if text[end : end + 1] == ">" and local.lower() == "postmaster" and not route:
        return local, end + 1  # RFC 5321 4.1.1.3: <postmaster> needs no domain
    if text[end : end + 1] != "@":
        raise BadAddress("Address has no domain" if text[end : end + 1] == ">" else "Syntax error in the local part of the address")
    stop = DOMAIN_END.search(text, end + 1)
    if stop is None or stop[0] != ">":
        raise BadAddress("Address must end with >")
    if len(text[start : stop.start()].encode("utf-8", "surrogatepass")) + 2 > MAX_PATH:
        raise BadAddress("Address too long")
    return f"{local}@{check_domain(text[end + 1 : stop.start()], utf8=utf8)}", stop.end()


def _local_part(text: str, start: int, *, utf8: bool) -> tuple[str, int]:
    quoted = QUOTED.match(text, start)
    found = quoted or (DOT_STRING_UTF8 if utf8 else DOT_STRING).match(text, start)
    if found is None:
        raise BadAddress("Syntax error in the local part of the address")
    if FORBIDDEN.search(found[0]) or (not utf8 and not found[0].isascii()):
        raise BadAddress("Local part has characters that are not allowed here")
    return _sized(written(unquoted(found[0])) if quoted else found[0]), found.end()


def _sized(local: str) -> str:
    if len(local) > MAX_LOCAL or (not local.isascii() and len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL):
        raise BadAddress("Local part too long")
    return local


def _remapped(domain: str) -> str:
    """A U-label domain folded as browsers and resolvers do (UTS 46), provided that DNS can hold it."""
    import idna

    domain_to_ascii(domain)
    return idna.uts46_remap(domain, std3_rules=False, transitional=False)


def _literal(domain: str) -> str:
    """An address literal (RFC 5321 section 4.1.3) in its canonical spelling. General literals of other tags are not taken."""
    if not domain.endswith("]"):
        raise BadAddress("Address literal must end with ]")
    inner = domain[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise BadAddress("Invalid address literal") from None
