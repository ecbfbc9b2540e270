"""Hooks of mail that comes in: each step of its acceptance, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .marks import hookspec

if TYPE_CHECKING:
    from ..mail.client import Client
    from ..mail.delivery import Route
    from ..mail.envelope import Envelope, Recipient
    from ..mail.message import Message
    from ..mail.sending import LanForwarding
    from ..mail.verdict import Verdict
    from ..sending.lan_rules import LanRule


# --- a message comes in ---------------------------------------------------------------------------------------------


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


# --- it is routed and delivered -------------------------------------------------------------------------------------


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
