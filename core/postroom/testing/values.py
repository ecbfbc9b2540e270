"""The values that hooks are handed, made in one line."""

from __future__ import annotations

from typing import Any

from ..mail.client import Client
from ..mail.message import Message


def client(**facts: Any) -> Client:
    """A stranger on the SMTP service; ``facts`` are fields of ``Client`` that differ."""
    stranger: dict[str, Any] = {
        "session": "s1",
        "protocol": "SMTP",
        "address": "192.0.2.7",
        "port": 40000,
        "service": 1,
        "service_name": "SMTP",
    }
    return Client(**(stranger | facts))


def message(text: str) -> Message:
    """A message of a text with ordinary line ends, as ``check_message`` gets it."""
    return Message.whole(wire(text))


def wire(text: str) -> bytes:
    """A text as it is sent: UTF-8, and every line ends with CRLF."""
    return "".join(line + "\r\n" for line in text.splitlines()).encode("utf-8")
