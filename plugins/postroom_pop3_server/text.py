"""Message text on its way to a POP3 client: the first lines (TOP), and without blank lines at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def first_lines(chunks: Iterable[bytes], lines: int) -> Iterator[bytes]:
    """The header, the blank line and the first ``lines`` lines of the body (TOP, RFC 1939 section 7), in bounded memory."""
    tail, in_body = b"", False
    for chunk in chunks:
        data = tail + chunk
        if not in_body:
            end = 0 if data.startswith(b"\r\n") and not tail else data.find(b"\r\n\r\n") + 2
            if end < 2 and not data.startswith(b"\r\n"):
                tail = data[-3:]
                yield data[: len(data) - len(tail)]
                continue
            in_body = True
            yield data[: end + 2]
            data = data[end + 2 :]
        tail = b""
        if lines <= 0:
            return
        at = 0
        while lines > 0:
            newline = data.find(b"\n", at)
            if newline < 0:
                at = len(data)
                break
            at, lines = newline + 1, lines - 1
        yield data[:at]
        if lines <= 0:
            return
    if tail:
        yield tail


def without_blank_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text without blank lines at its end (they are held back until something follows)."""
    held = b""
    for chunk in chunks:
        data = held + chunk
        kept = data.rstrip(b"\r\n")
        held = data[len(kept) :]
        if kept:
            yield kept
        if len(held) > 65_536:  # that much is text, not an end
            yield held[:65_536]
            held = held[65_536:]
    if held:
        yield b"\r\n"
