"""Reads SMTP replies out of a byte stream (RFC 5321 section 4.2), within bounds; no I/O."""

from __future__ import annotations

import re

from ...mail.reply import Reply

LINE_LIMIT = 2048  # RFC 5321 4.5.3.1.5 allows 512; some servers put whole URLs and explanations into one line
LINES_LIMIT = 128  # an EHLO answer has about 20
TOTAL_LIMIT = 32 * 1024  # bytes of one reply
TEXT_LIMIT = 1024  # characters kept in the queue and quoted in reports
MEMO_LIMIT = 32  # different one-line replies remembered for each connection

LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)  # some servers send just the code (RFC 5321 4.2.1: be ready)
ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: +|$)")  # RFC 2034 section 3
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")  # never into a log, a report or another protocol


class BadReply(Exception):
    """The peer sent something that is not an SMTP reply, or one beyond every bound."""


class ReplyParser:
    """Bytes in by ``feed``, whole replies out by ``take``; never holds more than the bounds above plus what was fed."""

    __slots__ = ("_data", "_lines", "_memo", "_size")

    def __init__(self) -> None:
        self._data = b""
        self._lines: list[bytes] = []  # those of a reply that is not complete yet
        self._size = 0  # their bytes
        self._memo: dict[bytes, Reply] = {}  # servers say the same few lines over and over

    @property
    def empty(self) -> bool:
        """True when no byte is waiting: nobody has spoken out of turn."""
        return not self._data and not self._lines

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._data = self._data + data if self._data else data

    def take(self) -> Reply | None:
        """The next whole reply, None when more bytes are needed. Raises BadReply."""
        while True:
            end = self._data.find(b"\r\n")
            if end < 0:
                if len(self._data) > LINE_LIMIT:
                    raise BadReply(f"a line longer than {LINE_LIMIT} octets")
                if b"\n" in self._data:
                    raise BadReply("a line that ends in LF without CR")
                return None
            line, self._data = self._data[:end], self._data[end + 2 :]
            if not self._lines and (known := self._memo.get(line)) is not None:
                return known
            if self._line(line):
                return self._finish()

    def _line(self, line: bytes) -> bool:
        """Keep one line; True when it ends the reply."""
        self._size += len(line)
        if len(line) > LINE_LIMIT or len(self._lines) >= LINES_LIMIT or self._size > TOTAL_LIMIT:
            raise BadReply(f"a reply of more than {LINES_LIMIT} lines or {TOTAL_LIMIT} octets")
        if not LINE.fullmatch(line) or b"\n" in line or b"\r" in line:
            raise BadReply(f"not an SMTP reply: {clean(line[:80])!r}")
        if self._lines and line[:3] != self._lines[0][:3]:  # RFC 5321 4.2.1: the same code on each line
            raise BadReply(f"a reply with two codes, {clean(self._lines[0][:3])} and {clean(line[:3])}")
        self._lines.append(line)
        return line[3:4] != b"-"

    def _finish(self) -> Reply:
        lines, self._lines, self._size = self._lines, [], 0
        reply = build(lines)
        if len(lines) == 1 and len(self._memo) < MEMO_LIMIT and len(lines[0]) < 128:
            self._memo[lines[0]] = reply
        return reply


def build(lines: list[bytes]) -> Reply:
    """The reply that these lines are; each has been checked. The enhanced code is taken off each line that has it."""
    code, enhanced = int(lines[0][:3]), ""
    texts = []
    for line in lines:
        text = clean(line[4:])
        found = ENHANCED.match(text)
        if found and (text[0] == chr(line[0]) or {text[0], chr(line[0])} == {"4", "5"}):  # which may differ, and then it says more
            enhanced = enhanced or found[1]
            text = text[found.end() :]
        texts.append(text)
    return Reply(code, enhanced, "\n".join(texts).strip())


def clean(data: bytes) -> str:
    """Text of a stranger, fit for logs and reports: UTF-8 with replacements, control characters as "?"."""
    return CONTROL.sub("?", data.decode("utf-8", "replace"))


def kept(reply: Reply) -> Reply:
    """The reply as the queue keeps it: its text cut to 1,024 characters."""
    if len(reply.text) <= TEXT_LIMIT:
        return reply
    return Reply(reply.code, reply.enhanced, reply.text[: TEXT_LIMIT - 1] + "…")
