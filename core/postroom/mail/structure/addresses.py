"""Address lists of a header (RFC 5322 3.4 and 4.4), read as far as they can be: never refused, in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_ADDRESSES = 4096  # of one field; the rest is not looked at
MAX_FIELD = 256 * 1024

MISSING_MAILBOX, MISSING_DOMAIN = b"MISSING_MAILBOX", b"MISSING_DOMAIN"  # what clients are used to see where something is not there

_ATEXT = rb"[^\x00-\x20()<>@,;:\\\".\[\]\x7f]"
_DOTTED = rb"%s++(?:\.%s++)*+" % (_ATEXT, _ATEXT)
_USUAL = re.compile(  # "Name" <local@domain>, Name of words <local@domain>, local@domain
    rb'[ \t]*+(?:(?:"([^"\\\r\n]*+)"[ \t]*+|((?:%s|\.)++(?:[ \t]++(?:%s|\.)++)*+)[ \t]*+)?<(%s)@(%s)>|(%s)@(%s))[ \t]*+(?:,|$)'
    % (_ATEXT, _ATEXT, _DOTTED, _DOTTED, _DOTTED, _DOTTED)
)
_TOKEN = re.compile(rb'\s++|"((?:[^"\\]|\\.)*+)"?|(\[[^\[\]\\]*+\])|(%s++)|(.)' % _ATEXT, re.DOTALL)
_COMMENT_MARK = re.compile(rb"[()\\]")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SPACES = re.compile(rb"[ \t]{2,}+|\t")


class Address(NamedTuple):
    """An address as ENVELOPE shows it (RFC 3501 7.4.2); mailbox without host begins a group, nothing at all ends it."""

    name: bytes | None = None
    route: bytes | None = None
    mailbox: bytes | None = None
    host: bytes | None = None


class _Token(NamedTuple):
    kind: str  # "word", "quoted", "literal", "comment", or the special character itself
    text: bytes
    spaced: bool  # white space stands before it


END_OF_GROUP = Address()


def parse(value: bytes) -> list[Address]:
    """The addresses of an unfolded field."""
    found: list[Address] = []
    position, end = 0, len(value)
    while position < end and len(found) < MAX_ADDRESSES:
        match = _USUAL.match(value, position)
        if match is None:
            return found + _parse_any(value[position:MAX_FIELD])[: MAX_ADDRESSES - len(found)]
        quoted, words, mailbox, host, plain, plain_host = match.groups()
        name = _SPACES.sub(b" ", words) if words else quoted or None
        found.append(Address(name, None, mailbox or plain, host or plain_host))
        position = match.end()
    return found


def _parse_any(value: bytes) -> list[Address]:
    found: list[Address] = []
    pending: list[_Token] = []
    in_group, angle = False, ""  # angle: the first token inside <, "" outside; commas there belong to a route (RFC 5322 4.4)
    for token in _tokens(value):
        if len(found) >= MAX_ADDRESSES:
            return found
        if token.kind == ":" and not angle and not in_group and all(before.kind != "@" for before in pending[-3:]):
            found.append(Address(mailbox=_phrase(pending) or b""))
            in_group, pending = True, []
        elif token.kind in ",;" and angle != "@":
            found += _address(pending)
            pending, angle = [], ""
            if token.kind == ";" and in_group:
                found.append(END_OF_GROUP)
                in_group = False
        else:
            pending.append(token)
            angle = _angle(angle, token.kind)
    found += _address(pending)
    return [*found, END_OF_GROUP] if in_group else found


def _angle(angle: str, kind: str) -> str:
    if kind == "<":
        return "<"
    if not angle or kind == ">":
        return ""
    if angle == "<":
        return kind
    return "word" if kind == ":" else angle


def _tokens(value: bytes) -> Iterator[_Token]:
    position, spaced = 0, False
    while match := _TOKEN.match(value, position):
        position = match.end()
        quoted, literal, word, special = match.groups()
        if special == b"(":
            start, position = position, _end_of_comment(value, position)
            yield _Token("comment", _unescaped(value[start : position - 1]).strip(), spaced=True)
        elif quoted is not None:
            yield _Token("quoted", _unescaped(quoted), spaced)
        elif word or literal:
            yield _Token("word", word or literal, spaced)
        elif special:
            yield _Token(special.decode("latin-1"), special, spaced)
        spaced = special == b"(" or not (special or word or literal or quoted is not None)


def _end_of_comment(value: bytes, position: int) -> int:
    depth = 1
    while mark := _COMMENT_MARK.search(value, position):
        position = mark.end()
        if mark[0] == b"\\":
            position += 1
            continue
        depth += 1 if mark[0] == b"(" else -1
        if not depth:
            return position
    return len(value) + 1


def _address(tokens: list[_Token]) -> list[Address]:
    plain = [token for token in tokens if token.kind != "comment"]
    if not plain:
        return []
    kinds = [token.kind for token in plain]
    if "<" in kinds:
        start = kinds.index("<")
        inside = plain[start + 1 : kinds.index(">", start) if ">" in kinds[start:] else len(plain)]
        return [_angled(_phrase(plain[:start]), inside)]
    name = next((token.text for token in reversed(tokens) if token.kind == "comment" and token.text), None)
    if "@" not in kinds:
        words = [token for token in plain if token.kind != ">"]
        single = len(words) == len(_run(words))
        return (
            [Address(name if single else _phrase(words), None, _text(words) if single else MISSING_MAILBOX, MISSING_DOMAIN)]
            if words
            else []
        )
    at = kinds.index("@")
    local = _run(plain[:at][::-1])[::-1]
    before = _phrase(plain[: at - len(local)])
    return [Address(before or name, None, _text(local) or MISSING_MAILBOX, _text(_run(plain[at + 1 :])) or MISSING_DOMAIN)]


def _angled(name: bytes | None, inside: list[_Token]) -> Address:
    kinds = [token.kind for token in inside]
    route = None
    if kinds[:1] == ["@"] and ":" in kinds:
        colon = kinds.index(":")
        route, inside, kinds = _text(inside[:colon]), inside[colon + 1 :], kinds[colon + 1 :]
    at = kinds.index("@") if "@" in kinds else len(kinds)
    host = _text(_run(inside[at + 1 :]))
    return Address(name, route, _phrase(inside[:at]) or MISSING_MAILBOX, host or MISSING_DOMAIN)


def _run(tokens: list[_Token]) -> list[_Token]:
    """The words and dots at the beginning that make one local part or domain: no two words stand side by side."""
    for number, token in enumerate(tokens):
        if token.kind not in {"word", "quoted", "."} or (number and token.kind != "." and tokens[number - 1].kind != "."):
            return tokens[:number]
    return tokens


def _text(tokens: list[_Token]) -> bytes:
    return b"".join(token.text for token in tokens)


def _phrase(tokens: list[_Token]) -> bytes | None:
    return b"".join(b" " + token.text if token.spaced else token.text for token in tokens if token.kind != "comment").strip() or None


def _unescaped(text: bytes) -> bytes:
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text
