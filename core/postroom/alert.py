"""The mail that tells the main administrator of an account that sends far more than it ever did: once for each time that it is held."""

from __future__ import annotations

import json
import time
from collections import Counter
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from . import ids
from .mail.envelope import Envelope, Recipient
from .provided import Job
from .queue.letter import HELD_BY_SURGE, OUT
from .queue.submission import Submission
from .queue.surge import DAY_SUM, HOUR, WAITS
from .sending.surge import DAY

if TYPE_CHECKING:
    from .context import Context
    from .queue.posting import Written
    from .store.database import Tx

EVERY = 20.0  # seconds
ADDRESSES = 20  # of clients that are named
LOOKED_AT = 20_000  # messages of the last day from which the addresses are taken

UNTOLD = "SELECT account, at, reason FROM surge WHERE told = 0 AND released_at = 0 ORDER BY at"
TELL = "UPDATE surge SET told = 1 WHERE account = ? AND told = 0 AND released_at = 0 RETURNING account"
ACCEPTED = "SELECT detail FROM trace WHERE trace >= ? AND event = 'accepted' AND detail LIKE ? ORDER BY trace DESC LIMIT ?"

TEXT = """\
The account {account} suddenly sends far more than it ever did:
{reason}.

Since {since} what it sends to other servers is held in the queue. Nothing
is lost, and mail to users of this server goes on. In the last 24 hours
{sent} recipients at other servers were sent mail, and {messages} messages
to {recipients} recipients are held now.

It came from these addresses (messages):
{addresses}

If this is not the user's own doing, give the account another password
first (postroom user password {account}) and remove what is held
(postroom queue list shows it). When all is well, this lets it go,
and takes as much for usual from now on:

    postroom user release {account}
"""


def alerts(context: Context) -> Job:
    """The job."""
    return Job("alerts", EVERY, lambda: tell(context))


def tell(context: Context) -> None:
    """Put a mail into the queue for each surge that nobody has been told of. Raises StoreUnavailable or PluginFault; it is tried again."""
    for account, at, reason in context.db.read(lambda tx: tx.execute(UNTOLD)):
        _put(context, account, _mail(context, account, at, reason))


def _put(context: Context, account: str, submission: Submission) -> None:
    queue = context.queue
    entry = queue.prepare(submission)
    write = entry.writer()

    def work(tx: Tx) -> list[Written] | None:
        return write(tx) if tx.one(TELL, (account,)) else None

    try:
        written = context.db.write(work, keys=entry.keys)
    except BaseException:
        queue.abandon(entry)
        raise
    if written is None:  # released meanwhile, or told by another
        queue.abandon(entry)
    else:
        queue.finish(entry, written)


def _mail(context: Context, account: str, at: int, reason: str) -> Submission:
    config, number, now = context.config, ids.new_id(), context.queue.clock()
    domain = config.domains.default
    to = f"{context.directory.current().administrator or 'postmaster'}@{domain}"
    envelope = Envelope("", local_origin=True, smtputf8=not (account + to).isascii())
    route = context.ask.first("route", address=to, envelope=envelope)
    if route is None or route.refusal is not None:
        context.log.error("account.held_untold", account=account, reason=f"{to}: {route.refusal if route else 'nobody routes it'}")
    else:
        envelope.recipients.append(Recipient(to, notify="NEVER", route=route))
    text = TEXT.format(
        account=account, reason=reason, since=formatdate(at / 1000, localtime=True), **_numbers(context, account, int(now * 1000))
    )
    header = (
        f"From: Postroom <Mailer_Daemon@{domain}>\r\nTo: <{to}>\r\nSubject: The account {account} is held: it suddenly sends very much\r\n"
        f"Date: {formatdate(now, localtime=True)}\r\nMessage-ID: <{ids.text(number)}@{config.server.hostname}>\r\n"
        "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    )
    draft = context.blobs.draft()
    draft.write((header + text.replace("\n", "\r\n")).encode())
    draft.seal()
    envelope.body, envelope.size = "8BITMIME", draft.size
    received = f"Received: by {config.server.hostname} (Postroom) id {ids.text(number)};\r\n\t{formatdate(now, localtime=True)}\r\n"
    return Submission(envelope, draft, received.encode(), None, number)


def _numbers(context: Context, account: str, now: int) -> dict[str, Any]:
    """How much the account has sent in a day, what is held of it, and from where it came."""
    pattern = f'%"user":{json.dumps(account)}%'
    values = (ids.first_id(time.time() - DAY * 3600), pattern, LOOKED_AT)
    rows = context.db.read_slow(lambda tx: tx.execute(ACCEPTED, values))
    found = [json.loads(row[0]) for row in rows]
    clients = Counter(one.get("client") or "unknown" for one in found if one.get("user") == account)  # the pattern's _ and % match more
    messages, recipients = context.db.read_slow(lambda tx: tx.one(WAITS, (account, HELD_BY_SURGE, OUT))) or (0, 0)
    sent = context.db.read(lambda tx: tx.one(DAY_SUM, (account, now // HOUR - DAY))) or (0,)
    lines = [f"    {address}  ({count})" for address, count in clients.most_common(ADDRESSES)]
    more = [f"    and {len(clients) - ADDRESSES} more"] if len(clients) > ADDRESSES else []
    return {
        "sent": int(sent[0] or 0),
        "messages": messages,
        "recipients": recipients,
        "addresses": "\n".join([*lines, *more]) or "    unknown",
    }
