"""Postroom: what a plugin author may import. Light on purpose: no socket, ssl or threading is loaded here."""

from .hookspecs import hookimpl, hookspec
from .mail.client import Client, TlsDetails
from .mail.delivery import Delivered, Discard, Failed, NotNow, Outcome, Refuse, Route, Target, ToMailbox, ToQueue, TryLater
from .mail.envelope import Envelope, Recipient
from .mail.listing import ListResult
from .mail.reply import Reply
from .mail.verdict import Action, Verdict

__version__ = "0.1.0"

__all__ = [
    "Action",
    "Client",
    "Delivered",
    "Discard",
    "Envelope",
    "Failed",
    "ListResult",
    "NotNow",
    "Outcome",
    "Recipient",
    "Refuse",
    "Reply",
    "Route",
    "Target",
    "TlsDetails",
    "ToMailbox",
    "ToQueue",
    "TryLater",
    "Verdict",
    "__version__",
    "hookimpl",
    "hookspec",
]
