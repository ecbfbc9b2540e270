"""What LAN forwarding is called everywhere: its plugin, its channel of the queue, and the sender that empties that channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from ..config.schema import Config

LAN = "LAN"  # the channel, and the sender of that name
PLUGIN = "lan_forwarding"


def switched_on(config: Config, plugin: str = PLUGIN) -> bool:
    """True when the plugin stands in the configuration and is enabled: with that of LAN forwarding, targets ``SMTP:…`` can be used."""
    if plugin not in config.plugins:
        return False
    try:
        return TypeAdapter(bool).validate_python((config.plugins[plugin] or {}).get("enabled", True))
    except ValidationError:
        return False  # the start fails anyway
