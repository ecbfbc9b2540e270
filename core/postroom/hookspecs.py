"""Every hook point, in the order in which a connection and its message meet them.

Four kinds. An *event* is told to all, answers are ignored. A *decision* is answered with a Verdict, and the strictest
wins (where another rule holds, the hook says so). A *transform* passes a value along a chain. A *provider* returns
described things once, at start. Whatever the kind, ``None`` means "nothing to say", and a plugin may take only the
arguments that it needs.

An exception, or running past the deadline (``server.hook_deadline``, 10 s), is that plugin's answer failing: decisions
count it as a temporary refusal (451), transforms keep the value as it was, events and providers go on without it. Each
is logged with plugin, hook and trace id and counted; after five failures in a row the plugin is left out of that hook for a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .mail.client import Client
    from .mail.delivery import Outcome, Route
    from .mail.envelope import Envelope, Recipient
    from .mail.listing import ListResult
    from .mail.message import Message
    from .mail.reply import Reply
    from .mail.sending import AttemptPlan, LanForwarding, Protection, QueuePlan, ServerChoice, ServerVerdict, SessionBounds
    from .mail.verdict import Verdict
    from .provided import Collector, Job, Outgoing, Sender, Service
    from .sending.lan_rules import LanRule

hookspec = pluggy.HookspecMarker("postroom")
hookimpl = pluggy.HookimplMarker("postroom")


# --- start and stop -----------------------------------------------------------------------------------------------


@hookspec
def register_services() -> Sequence[Service]:
    """Provider: the listening services of this plugin, asked once in each worker after the store is open."""
    raise NotImplementedError


@hookspec
def register_senders() -> Sequence[Sender]:
    """Provider: the ways out; a connection in ``config.yaml`` names one by its ``name``."""
    raise NotImplementedError


@hookspec
def register_collectors() -> Sequence[Collector]:
    """Provider: the ways in by which mail is fetched; a connection in ``config.yaml`` names them, in order."""
    raise NotImplementedError


@hookspec
def register_jobs() -> Sequence[Job]:
    """Provider: regular work that one worker of all does at a time, under a lease of the job's name."""
    raise NotImplementedError


@hookspec
def worker_started() -> None:
    """Event: this worker is about to accept connections."""


@hookspec
def worker_stopping() -> None:
    """Event: this worker accepts nothing more; give back what is claimed, within the drain time."""


# --- a client connects and says who it is ---------------------------------------------------------------------------


@hookspec
def client_connected(client: Client) -> Verdict | None:
    """Decision: a client has connected, before the greeting. ``client``: address, service, access rule result.

    A refusing verdict is sent instead of the greeting and the connection is closed.
    """


@hookspec
def connection_encryption(client: Client, encryption: str) -> str | None:
    """Transform: how an IMAP4 connection is encrypted, before anything is said on it.

    ``encryption``: "none", "starttls" (offered), "starttls-required" or "tls" (from the first byte), as the service is configured;
    ``client`` has no login and no TLS yet. Another word than these four keeps it.
    """


@hookspec
def client_helo(client: Client, name: str) -> Verdict | None:
    """Decision: HELO or EHLO with ``name`` as given (SMTP). A refusing verdict answers the command."""


@hookspec
def translate_username(client: Client, name: str) -> str | None:
    """Transform: the account name to use for the login name that the client gave; None keeps it."""


@hookspec
def client_login(client: Client, name: str, mechanism: str) -> Verdict | None:
    """Decision: a login attempt, before the password is looked at. A refusing verdict fails the login with its reply."""


@hookspec
def login_finished(client: Client, name: str, mechanism: str, success: bool) -> None:
    """Event: a login attempt has succeeded or failed."""


@hookspec
def client_misbehaved(client: Client, event: str, detail: str) -> None:
    """Event: something that counts against an address.

    ``event``: "auth-failure", "relay-denied", "bad-recipient", "syntax-error", "message-too-big", "early-talker",
    "too-many-errors", "bad-data"; ``detail``: text for the log.
    """


# --- a client reads its mail (IMAP4) ---------------------------------------------------------------------------------


@hookspec
def imap_capabilities(client: Client, capabilities: tuple[str, ...]) -> Sequence[str] | None:
    """Transform: what is offered in the greeting, after the login and by CAPABILITY; ``client.user`` tells whether somebody is in.

    To take words out is what it is for: a command that is not offered may still be used. None keeps them all.
    """


@hookspec
def imap_list_result(client: Client, result: ListResult) -> ListResult | None:
    """Transform: one folder as LIST and LSUB are about to show it to ``client``.

    ``result``: its name, attributes and extended data; answer with a changed one (``dataclasses.replace``), or hide the folder.
    """


# --- a message comes in ----------------------------------------------------------------------------------------------


@hookspec
def check_sender(client: Client, envelope: Envelope) -> Verdict | None:
    """Decision: a valid MAIL FROM; ``envelope.sender`` and its parameters are set, no recipients yet."""


@hookspec
def check_recipient(client: Client, envelope: Envelope, recipient: Recipient) -> Verdict | None:
    """Decision: a valid RCPT TO that routing can deliver; ``recipient.route`` is set and may be replaced."""


@hookspec
def check_data(client: Client, envelope: Envelope) -> Verdict | None:
    """Decision: DATA or the first BDAT, before the message is read; all recipients are known."""


@hookspec
def check_message(client: Client, envelope: Envelope, message: Message) -> Verdict | None:
    """Decision: the whole message is here and not yet answered.

    ``message``: header fields, size and the bytes in chunks. Headers of the verdict are put on top of the message;
    a refusing verdict replaces the 250; ``discard`` answers 250 and delivers nowhere.
    """


@hookspec
def message_accepted(envelope: Envelope, trace: str, size: int) -> None:
    """Event: a message is committed (250 follows). ``trace``: its trace id; ``size``: bytes. ``envelope.user``: who sent it."""


# --- it is routed and delivered ----------------------------------------------------------------------------------------


@hookspec
def route(address: str, envelope: Envelope) -> Route | None:
    """Decision, first answer in the order of ``config.yaml`` wins: where mail for ``address`` goes, with reasons.

    Called at RCPT TO, for each member that a list or forward leads to outside, and by ``postroom explain``; it must
    not change anything. None: not mine, ask the next plugin; when nobody answers, the address is refused (550 5.1.1).
    """


@hookspec
def route_last_resort(address: str, envelope: Envelope) -> Route | None:
    """Decision, first answer wins: where mail for ``address`` goes that no user, mapping or list of this server has, with reasons.

    Asked by local delivery before it refuses such a name or lets it out by the outgoing queue, also for names that a list or forward
    leads to. None: as without the hook.
    """


@hookspec
def lan_rules(address: str, envelope: Envelope, rules: Sequence[LanRule]) -> Sequence[LanRule] | None:
    """Transform: the rules of LAN forwarding that are to hold for this recipient, in their order.

    Called each time when it is asked where mail for ``address`` goes; ``envelope.checking`` tells that nobody sends anything, and then
    ``envelope.sender`` may be unknown. ``LanRule`` is in ``postroom.sending.lan_rules``; ``lan_return_path`` is told its comment and extra.
    """


@hookspec
def lan_return_path(path: str, address: str, envelope: Envelope, forwarding: LanForwarding) -> str | None:
    """Transform: the return path of mail that goes to a server by LAN forwarding ("" is the null sender).

    Called when it has been decided that ``address`` (as the sender or a list wrote it) is forwarded. ``forwarding``: the address there, the
    server without its password, and the rule with its position, comment and extra data; a target SMTP:… has no rule. The hook
    ``return_path`` may change it once more when it is sent.
    """


# --- it leaves -----------------------------------------------------------------------------------------------------------


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
    """Transform: a sender begins to send after it had nothing to do: how much one connection may carry until it is idle again."""


@hookspec
def attempt_starting(outgoing: Outgoing, plan: AttemptPlan) -> AttemptPlan | None:
    """Transform: the turn of a message has come: skip it for now, change its priority, make this the last attempt, or delete it.

    ``outgoing``: the message with those recipients that go together; ``outgoing.head()`` is its header. Called once for each attempt, after
    the sender's domain filter. ``outgoing.by`` and ``outgoing.connection`` say who sends it.
    """


@hookspec
def return_path(path: str, outgoing: Outgoing) -> str | None:
    """Transform: the address in MAIL FROM of this attempt ("" is the null sender). ``outgoing.sender``: the one that was given at first.

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


# --- faults ----------------------------------------------------------------------------------------------------------


@hookspec
def circuit_opened(plugin: str, hook: str, reason: str) -> None:
    """Event: a plugin has failed so often in a hook that it is left out of it for a while."""
