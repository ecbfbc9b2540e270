"""Puts a TLS report into the queue, as a message that this server has made."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

from .. import ids
from ..mail.envelope import Envelope, Recipient
from ..queue.submission import Submission
from .reporting import TlsReportMail

if TYPE_CHECKING:
    from ..asking import Asker
    from ..queue.put import Queue
    from ..store.blobs import Blobs


class NotRouted(Exception):
    """Nobody takes mail for this address, with the reason."""


def poster(
    ask: Asker, blobs: Blobs, queue: Queue, hostname: str, clock: Callable[[], float] = time.time
) -> Callable[[TlsReportMail], None]:
    """What ``TlsReporting`` takes as ``send``; it raises NotRouted, StoreUnavailable or PluginFault."""

    def post(mail: TlsReportMail) -> None:
        # Nobody waits for a delivery report about it (NOTIFY=NEVER): an address that does not work is its owner's affair
        envelope = Envelope(mail.sender, body="7BIT", local_origin=True, size=len(mail.content))
        route = ask.first("route", address=mail.recipient, envelope=envelope)
        if route is None or route.refusal is not None:
            raise NotRouted(f"{mail.recipient}: {route.refusal if route else 'nobody routes it'}")
        envelope.recipients.append(Recipient(mail.recipient, notify="NEVER", route=route))
        draft = blobs.draft()
        draft.write(mail.content)
        draft.seal()
        number = ids.new_id()
        received = f"Received: by {hostname} (Postroom) id {ids.text(number)};\r\n\t{formatdate(clock(), localtime=True)}\r\n"
        queue.put(Submission(envelope, draft, received.encode(), None, number))

    return post
