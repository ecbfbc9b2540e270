"""Hooks of mail that leaves: its bytes, its turn, the servers that take it, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ..mail.delivery import Outcome
    from ..mail.envelope import Envelope
    from ..mail.message import Message
    from ..mail.reply import Reply
    from ..mail.sending import AttemptPlan, Protection, QueuePlan, ServerChoice, ServerVerdict, SessionBounds
    from ..provided import Outgoing


# --- it leaves ------------------------------------------------------------------------------------------------------


@hookspec
def rewrite_message(message: Message, envelope: Envelope, outgoing: bool) -> Message | None:
    """Transform: a message that is accepted, before it is stored: the copy that leaves, or the copies that stay here.

    ``outgoing``: True for the copy that goes into the outgoing queue, False for the one in the mailboxes of this server. Answer with a new
    ``Message`` whose ``chunks`` give the new bytes as often as they are asked for; None leaves it. It must keep what is valid SMTP valid.
    What stays is shown only when it is sent from here (``envelope.local_origin``). A failing plugin is a temporary refusal (451).
    """


@hookspec
def message_signature(text: str, form: str, message: Message, envelope: Envelope, outgoing: bool) -> str | None:
    """Transform: the text that the plugin ``signature`` is about to put below a message of a user, "" for none.

    ``text``: as the settings have it; ``form``: "plain" or "html", asked for each that the message has; ``outgoing``: as in
    ``rewrite_message``. Not asked for users whose own signature is ``<blank>``, nor for the mail of others. A text with a line of more
    than 400 characters or with control characters is not used.
    """


@hookspec
def sign_message(message: Message, envelope: Envelope, original: Message) -> Sequence[bytes] | None:
    """Collected from all: header lines (without CRLF) to put on top of the copy that leaves, after all rewriting.

    A plugin sees the message as rewritten, with the lines of those before it on top; ``original`` is the message as it was accepted, for
    checking what others have signed. Called once for each message, not for each attempt.
    A failing plugin is a temporary refusal (451): unsigned mail must not leave by accident.
    """


@hookspec
def outgoing_queued(message: Message, envelope: Envelope, plan: QueuePlan) -> QueuePlan | None:
    """Transform: a message is about to enter the outgoing queue: its priority, whether and how long it is held, when it is deleted.

    ``envelope.user``: who sent it; answer with a changed plan (``dataclasses.replace``).
    """


@hookspec
def sender_starting(sender: str, connection: str, bounds: SessionBounds) -> SessionBounds | None:
    """Transform: a sender begins to send after it had nothing to do: how much one connection may carry until it is idle again.

    A permanent line asks when it gets mail after it had none, any other connection in each run with mail (see
    ``SessionBounds.leave_rest``).
    """


@hookspec
def attempt_starting(outgoing: Outgoing, plan: AttemptPlan) -> AttemptPlan | None:
    """Transform: the turn of a message has come: skip it, change its priority or time to live, make this the last attempt, or delete it.

    ``outgoing``: the message with those recipients that go together; ``outgoing.head()`` is its header. Called once for each attempt, after
    the sender's domain filter. ``outgoing.by`` and ``outgoing.connection`` say who sends it.
    """


@hookspec
def return_path(path: str, outgoing: Outgoing) -> str | None:
    """Transform: the address in MAIL FROM of this attempt ("" is the null sender): that of the message, or of its way by LAN forwarding.

    ``outgoing.sender``: the one that was given at first.
    ``outgoing.recipients`` are those of this attempt, ``outgoing.all_recipients`` the addresses of all that the message is for.
    """


@hookspec
def server_choice(domain: str, outgoing: Outgoing, choice: ServerChoice) -> ServerChoice | None:
    """Transform: which servers take mail for ``domain``, when it is sent directly; before the DNS is asked.

    ``choice.servers`` holds what the configured overrides say; None asks the DNS. ``outgoing.attempts`` and ``size`` help to decide.
    """


@hookspec
def check_server(domain: str, server: str, outgoing: Outgoing, verdict: ServerVerdict) -> ServerVerdict | None:
    """Transform: whether one mail server of a domain may be used for this attempt, when it is sent directly.

    Called for each server, of the DNS or of an override. When none is left, the mail waits for ``hold`` seconds, and it is no failure.
    """


@hookspec
def server_tls(domain: str, server: str, outgoing: Outgoing, encryption: Protection) -> Protection | None:
    """Transform: how the connection to ``server`` is to be protected, when mail is sent directly.

    What DANE, MTA-STS or REQUIRETLS demand cannot be lowered.
    """


@hookspec
def server_connected(sender: str, server: str) -> None:
    """Event: a sender has connected, and the greeting has come. ``server``: "mx.example.net[192.0.2.1]:25"."""


@hookspec
def server_replied(sender: str, server: str, command: str, reply: Reply) -> Reply | None:
    """Transform: each whole reply of a server to a command ("MAIL FROM:<…>"); what comes back is what counts.

    Replies to the login are shown with the command "AUTH" alone.
    """


@hookspec
def delivery_finished(trace: str, recipient: str, outcome: Outcome) -> None:
    """Event: an attempt to deliver to one recipient has ended with Delivered, TryLater, Failed or (nothing was tried) NotNow."""


@hookspec
def account_held(account: str, reason: str) -> None:
    """Event: an account suddenly sends far more than it ever did; what it sends to other servers is held until it is released."""
