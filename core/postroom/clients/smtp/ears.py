"""Lets plugins hear what servers say, and change it: the hooks ``server_connected`` and ``server_replied``."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...mail.reply import Reply
from .replies import clean

if TYPE_CHECKING:
    from ...asking import Asker

ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
FIXED = ("STARTTLS",)  # after it both sides do something else than SMTP


class Ears:
    """What one sender tells the hooks. A session asks for a listener once: when no plugin listens, replies cost nothing."""

    def __init__(self, ask: Asker, sender: str) -> None:
        self._ask, self._sender = ask, sender

    def connected(self, server: str) -> None:
        """A server has sent its greeting."""
        self._ask.tell("server_connected", sender=self._sender, server=server)

    @property
    def listener(self) -> Ears | None:
        """Who is to hear each reply, None when no plugin wants to."""
        return self if self._ask.hooks.server_replied.get_hookimpls() else None

    def replied(self, server: str, command: str, reply: Reply) -> Reply:
        """The reply to ``command`` as the plugins leave it: what cannot be a reply there is passed over."""
        changed = self._ask.transform("server_replied", "reply", reply, sender=self._sender, server=server, command=command)
        return reply if changed is reply else admissible(command, reply, changed)


def admissible(command: str, reply: Reply, changed: Any) -> Reply:
    """What a plugin made of a reply, or the reply itself where that would lead the dialogue astray.

    The command after which TLS begins stands as it is, and nothing becomes a 3xx: a server that has not asked for the message must not
    be sent it, for it would take its lines as commands.
    """
    if not isinstance(changed, Reply) or command.startswith(FIXED):
        return reply
    code: Any = changed.code  # whatever a plugin has put there
    if not isinstance(code, int) or not (200 <= code <= 599) or code // 100 == 3 != reply.code // 100 or reply.code == 334:
        return reply
    enhanced = changed.enhanced if ENHANCED.fullmatch(str(changed.enhanced)) else ""
    return replace(changed, enhanced=enhanced, text=clean(str(changed.text).encode("utf-8", "replace")))
