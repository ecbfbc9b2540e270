"""8-bit values of header fields in ASCII: encoded words (RFC 2047) and extended parameters (RFC 2231 section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .encodings import MASK
from .refusing import Unconvertible
from .words import UNKNOWN, charset_of, encoded_words, folded, unfolded

ADDRESSES = frozenset({
    b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc", b"resent-from", b"resent-sender", b"resent-reply-to", b"resent-to", b"resent-cc",
    b"resent-bcc", b"disposition-notification-to", b"return-receipt-to", b"errors-to", b"mail-followup-to", b"mail-reply-to",
})  # fmt: skip
PARAMETERS = frozenset({b"content-type", b"content-disposition"})
# Fields with a syntax that has no place for encoded words, and nothing that a person reads
RIGID = frozenset({
    b"received", b"return-path", b"message-id", b"resent-message-id", b"in-reply-to", b"references", b"date", b"resent-date",
    b"mime-version", b"content-transfer-encoding", b"content-id", b"content-location", b"content-language", b"dkim-signature", b"arc-seal",
    b"arc-message-signature", b"arc-authentication-results", b"authentication-results", b"received-spf", b"list-id", b"list-help",
    b"list-unsubscribe", b"list-unsubscribe-post", b"list-subscribe", b"list-post", b"list-owner", b"list-archive", b"auto-submitted",
})  # fmt: skip

_ENCODED = re.compile(rb"=\?[^?]++\?[bBqQ]\?[^?]*+\?=")  # RFC 2047 section 2: white space between two is not shown
_ENDS_ENCODED = re.compile(_ENCODED.pattern + rb"\Z")
_SPACES = re.compile(rb"([ \t\r\n]++)")
# What is not closed reaches to the end: each byte is looked at once
_QUOTED = rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_COMMENT = rb"\((?:[^()\\]|\\.)*+\)"
_TOKEN = re.compile(rb'(%s)|(<[^>]*+(?:>|\Z))|((?:%s|[^"(<,:;])++)|(.)' % (_COMMENT, _QUOTED), re.DOTALL)
_IN_PHRASE = re.compile(rb'(%s)|[^"]++|"' % _QUOTED, re.DOTALL)
_NAME = rb'[^\x00-\x20()<>@,;:\\"/\[\]?=*\x7f-\xff]++'
_PARAMETER = re.compile(rb';[ \t\r\n]*+(%s)[ \t\r\n]*+=[ \t\r\n]*+(%s|[^;"]*+)' % (_NAME, _QUOTED), re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_EXTENDED = re.compile(rb";[ \t\r\n]*+(%s)\*" % _NAME)
_RESERVED = re.compile(rb"[^A-Za-z0-9!#$&+.^_`{}~-]")  # RFC 2231 section 7: all but attribute-char
_UNITS = re.compile(rb"(?:%[0-9A-F]{2}|[^%]){1,18}")


def ascii_value(name: bytes, value: bytes) -> bytes:
    """The value of a field, from behind its colon to its line end, without 8-bit bytes. Raises Unconvertible.

    ``name`` is in lower case. What a person reads stays readable; what only machines read gets a "?" for each such byte.
    """
    text = value.rstrip(b"\r\n")
    return _ascii_text(name, text) + value[len(text) :]


def _ascii_text(name: bytes, text: bytes) -> bytes:
    if name in PARAMETERS:
        extended = {found.lower() for found in _EXTENDED.findall(text)}  # those are ASCII already: there must not be two
        return _PARAMETER.sub(lambda match: match[0] if match[1].lower() in extended else _parameter(match), text).translate(MASK)
    if name in RIGID:
        return text.translate(MASK)
    used = len(name) + 1
    return b"".join(folded(_address(text, used) if name in ADDRESSES else _unstructured(text, used), used))


def _unstructured(value: bytes, used: int) -> Iterator[tuple[bytes, bool]]:
    """Words with 8-bit bytes, and the white space between two of them, become encoded words."""
    tokens = [b"", *_SPACES.split(value)]  # now each word has its white space before it
    position = 0
    while position < len(tokens):
        space, word = tokens[position : position + 2]
        position += 2
        if word.isascii():
            yield space + word, False
            continue
        before = space if position > 3 and _ENDS_ENCODED.search(tokens[position - 3]) else b""  # else it would not be shown
        while position < len(tokens) and not tokens[position + 1].isascii():
            word += tokens[position] + tokens[position + 1]
            position += 2
        after = tokens[position] if position < len(tokens) and _ENCODED.match(tokens[position + 1]) else b""
        yield space + encoded_words(unfolded(before + word + after), used + len(space)), True
        used = 1


def _address(value: bytes, used: int) -> Iterator[tuple[bytes, bool]]:
    """Names and comments become encoded words; an address itself cannot."""
    for match in _TOKEN.finditer(value):
        comment, angle, phrase, _ = match.groups()
        if match[0].isascii():
            yield match[0], False
            continue
        if angle or not _closed(phrase):
            raise Unconvertible("an address in its header is not ASCII")
        yield (b"(%b)" % encoded_words(_plain(comment[1:-1]), used + 1) if comment else _phrase(phrase, used)), True
        used = 3


def _closed(phrase: bytes | None) -> bool:
    """False when a quoted string in it has no end, which may have swallowed an address."""
    return not phrase or all(len(part[1]) > 1 and part[1].endswith(b'"') for part in _IN_PHRASE.finditer(phrase) if part[1] is not None)


def _phrase(phrase: bytes, used: int) -> bytes:
    parts = list(_IN_PHRASE.finditer(phrase))
    if any(b"@" in part[0] for part in parts if part[1] is None):
        raise Unconvertible("an address in its header is not ASCII")
    text = b"".join(_plain(part[0][1:-1]) if part[1] is not None else unfolded(part[0]) for part in parts)
    before = phrase[: len(phrase) - len(phrase.lstrip())]
    after = phrase[len(phrase.rstrip()) :]
    return before + encoded_words(text.strip(), used + len(before)) + after


def _plain(text: bytes) -> bytes:
    return _ESCAPE.sub(rb"\1", unfolded(text))


def _parameter(match: re.Match[bytes]) -> bytes:
    name, written = match[1], match[2]
    if written.isascii():
        return match[0]
    quoted = written.startswith(b'"')
    text = _plain(written[1:-1]) if quoted else unfolded(written).strip()
    end = b"" if quoted else written[len(written.rstrip()) :]
    charset = charset_of(text)
    label = b"" if charset == UNKNOWN else charset  # RFC 2231 section 4: it may be left empty
    units = _UNITS.findall(_RESERVED.sub(lambda each: b"%%%02X" % each[0][0], text))
    if len(units) == 1:
        return b";\r\n %b*=%b''%b" % (name, label, units[0]) + end
    pieces = (b";\r\n %b*%d*=%b%b" % (name, number, b"" if number else label + b"''", unit) for number, unit in enumerate(units))
    return b"".join(pieces) + end
