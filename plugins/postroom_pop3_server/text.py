"""Message text on its way to a POP3 client: the first lines (TOP), and without blank lines at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LONGEST_HELD = 65_536  # bytes that are held back until it is known what they are


def first_lines(chunks: Iterable[bytes], lines: int) -> Iterator[bytes]:
    """The header, the blank line and the first ``lines`` lines of the body (TOP, RFC 1939 section 7), in bounded memory."""
    carry, left = b"", -1  # left: lines of the body still to come; -1 within the header
    for chunk in chunks:
        data, at = carry + chunk, 0
        while (newline := data.find(b"\n", at)) >= 0:
            blank, at = data[at : newline + 1] == b"\r\n", newline + 1
            left = left - 1 if left >= 0 else lines if blank else -1
            if left == 0:
                yield data[:at]
                return
        keep = at if len(data) - at < LONGEST_HELD else len(data) - 2  # two bytes, so that the rest of a long line is not taken for blank
        if keep:
            yield data[:keep]
        carry = data[keep:]
    if carry:
        yield carry


def without_blank_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text without blank lines at its end (they are held back until something follows)."""
    held = b""
    for chunk in chunks:
        data = held + chunk
        kept = data.rstrip(b"\r\n")
        held = data[len(kept) :]
        if kept:
            yield kept
        if len(held) > LONGEST_HELD:  # that much is text, not an end
            yield held[:-2]
            held = held[-2:]
    if held:
        yield b"\r\n"
