"""The base subject of a message (RFC 5256 2.1): what remains when replies, forwards and lists have added nothing."""

from __future__ import annotations

import re

MAX_SUBJECT = 1000  # characters that are looked at: steps repeat

_SPACES = re.compile(r"\s+")
_BLOB = re.compile(r"\[[^\[\]]*+\]\s*+")
_REPLY = re.compile(r"(?:\[[^\[\]]*+\]\s*+)*+(?:re|fwd?)\s*+(?:\[[^\[\]]*+\]\s*+)?:\s*+", re.IGNORECASE)
_FORWARD_TRAILER = "(fwd)"
_FORWARD_HEADER = "[fwd:"


def base_subject(subject: str) -> tuple[str, bool]:
    """The base subject of a decoded subject, and whether anything in it says reply or forward. Case is kept: compare folded."""
    text = _SPACES.sub(" ", subject[:MAX_SUBJECT]).strip()
    reply = False
    while True:
        text, forwarded = _without_trailers(text)
        text, answered = _without_leaders(text)
        reply = reply or forwarded or answered
        if not (text[:5].lower() == _FORWARD_HEADER and text.endswith("]")):  # step 6
            return text, reply
        text, reply = text[5:-1].strip(), True


def _without_trailers(text: str) -> tuple[str, bool]:
    """Step 2."""
    found = False
    while text[-5:].lower() == _FORWARD_TRAILER:
        text, found = text[:-5].rstrip(), True
    return text, found


def _without_leaders(text: str) -> tuple[str, bool]:
    """Steps 3 to 5."""
    found = False
    while True:
        if match := _REPLY.match(text):
            text, found = text[match.end() :], True
        elif (blob := _BLOB.match(text)) and blob.end() < len(text):
            text = text[blob.end() :]
        else:
            return text, found
