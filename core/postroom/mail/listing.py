"""One folder as IMAP's LIST shows it; plugins may change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ListResult:
    """What LIST is about to say about one folder."""

    name: str  # as the client sees it, decoded: "INBOX", "#users/bob/Sent"
    attributes: tuple[str, ...] = ()  # such as "\\HasChildren" and "\\Sent"
    extended: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # RFC 5258: such as CHILDINFO, each with its values
    hidden: bool = False  # True: the folder is not shown at all
