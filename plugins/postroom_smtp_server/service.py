"""Puts one configured service together from the parts of the core."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import gevent

from postroom import ids
from postroom.mail.reply import Reply
from postroom.provided import Service
from postroom.wire import dialogue
from postroom.wire.limits import Limits

from .desk import Desk
from .session import Session

if TYPE_CHECKING:
    from postroom.context import Context
    from postroom.mail.client import Client
    from postroom.wire.stream import Stream
    from postroom.wire.tls import ServerTls

    from .settings import SmtpService


def make(context: Context, settings: SmtpService) -> Service:
    """The service as the worker listens for it."""
    hostname = settings.hostname or context.config.server.hostname
    limits = Limits.of(settings, message=settings.max_message_size, idle=settings.idle_timeout)
    desk = Desk(
        service=settings,
        hostname=hostname,
        authserv_ids=frozenset(name.lower().rstrip(".") for name in (hostname, context.config.server.hostname)),
        domain=context.config.domains.default,
        ask=context.ask,
        auth=context.auth,
        blobs=context.blobs,
        queue=context.queue,
        clock=time.time,
        new_id=ids.new_id,
        log=context.log,
        count=context.metrics.count,
    )
    return Service("SMTP", settings, partial(serve, desk, limits, context.tls), limits, partial(refuse, hostname))


def refuse(hostname: str, reason: str) -> bytes:
    """What a client hears that cannot be served at all (too many connections)."""
    return Reply(421, "4.3.2", f"{hostname} {reason}").wire


def serve(desk: Desk, limits: Limits, tls: ServerTls, stream: Stream, client: Client) -> None:
    """Talk to one client until the session is over; the listener closes the connection."""
    session = Session(desk, client, early=_early(desk, stream, client), binding=stream.channel_binding())
    try:
        end = dialogue.hold(stream, session, limits, client=client, tls=tls, on_bug=partial(_bug, desk, client))
    finally:
        session.closed()
    if end is not dialogue.End.CLOSED:
        desk.log.debug("smtp.ended", session=client.session, address=client.address, end=end.value)


def _early(desk: Desk, stream: Stream, client: Client) -> bool:
    """Whether the client has spoken before the greeting; strangers may be made to wait for it."""
    service = desk.service
    if service.early_talker == "allow":
        return False
    if service.greeting_pause and not client.no_auth:
        gevent.sleep(service.greeting_pause)
    return stream.input_waiting()


def _bug(desk: Desk, client: Client, error: BaseException) -> None:
    desk.log.error("session.bug", protocol="SMTP", session=client.session, exc_info=error)
