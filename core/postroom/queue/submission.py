"""One message on its way into the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..mail.client import Client
    from ..mail.envelope import Envelope
    from ..store.blobs import Draft


@dataclass(slots=True)
class Submission:
    """What ``Queue.put`` takes: every recipient of the envelope has its route."""

    envelope: Envelope
    draft: Draft  # the bytes as received
    received: bytes  # trace header lines to put on top, each with its CRLF
    client: Client | None  # None: made by this server
    id: int  # message id and trace id, from ids.new_id()
    about: int = 0  # the id of the message that this one reports on
