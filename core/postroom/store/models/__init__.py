"""The tables as peewee models: they describe the columns that the migrations make; behaviour lives elsewhere.

Ids are made by the caller (``postroom.ids``), times are milliseconds since 1970, booleans are 0 or 1. Queries of cold paths may be
built with them (``Tx.run``).
"""

from __future__ import annotations

from .accounts import Account, List, Mapping, Member, Subscription
from .content import Blob, Chunk, Heading, Kept, KeptKind, Loose, Volume, VolumePiece, VolumePlace
from .mailboxes import Acl, Annotation, DeletedMailbox, Expunged, Mailbox, Message
from .queue import Habit, Outgoing, OutgoingRecipient, Sent, Site, Surge, Trace
from .server import Lease, State
from .signing import SigningKey
from .tls import StsPolicy, TlsResult

TABLES = (
    *(Account, Mapping, List, Member, Subscription),
    *(Mailbox, Message, Expunged, DeletedMailbox, Acl, Annotation),
    *(Blob, Chunk, Loose, KeptKind, Kept, Heading),
    *(Volume, VolumePiece, VolumePlace),
    *(Outgoing, OutgoingRecipient, Trace),
    *(Site, Sent, Habit, Surge),
    *(StsPolicy, TlsResult),
    SigningKey,
    *(State, Lease),
)

__all__ = [
    "TABLES", "Account", "Acl", "Annotation", "Blob", "Chunk", "DeletedMailbox", "Expunged", "Habit", "Heading", "Kept", "KeptKind",
    "Lease", "List", "Loose", "Mailbox", "Mapping", "Member", "Message", "Outgoing", "OutgoingRecipient", "Sent", "SigningKey", "Site",
    "State", "StsPolicy", "Subscription", "Surge", "TlsResult", "Trace", "Volume", "VolumePiece", "VolumePlace",
]  # fmt: skip
