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

from collections.abc import Callable
from typing import Any

import pluggy

from . import clients, incoming, outgoing, server
from .marks import hookimpl, hookspec

__all__ = ["PARTS", "hookimpl", "hooks", "hookspec", "new_manager"]

PARTS = (server, clients, incoming, outgoing)  # in the order of the hooks


def hooks() -> dict[str, Callable[..., Any]]:
    """The specification of each hook by its name, in their order."""
    return {name: thing for part in PARTS for name, thing in vars(part).items() if hasattr(thing, "postroom_spec")}


def new_manager() -> pluggy.PluginManager:
    """A plugin manager that knows our hooks and no plugin."""
    manager = pluggy.PluginManager("postroom")
    for part in PARTS:
        manager.add_hookspecs(part)
    return manager
