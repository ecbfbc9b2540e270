"""The plugins that the configuration names: checked, constructed, and registered so that its order is the order of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from pydantic import TypeAdapter, ValidationError

from .config.document import Location
from .config.load import ConfigError, Loaded, inspect
from .config.outward import Sending, between, idle
from .config.schema import Config, PluginSettings, ServiceSettings
from .config.senders import SenderSettings
from .config.wording import nearest
from .context import Context
from .discovery import PluginError, find, settings_of
from .hookspecs import hooks, new_manager


@dataclass(frozen=True, slots=True)
class Chosen:
    """A plugin that the configuration switches on. Nothing of it has been constructed."""

    name: str
    source: str  # where it was found, for people
    module: ModuleType
    settings: PluginSettings


Plugins = Mapping[str, Chosen]  # in the order of the configuration


def read(path: Path) -> tuple[Config, Plugins]:
    """The whole checked configuration, sections of plugins included. Raises ConfigError with all problems."""
    return examine(inspect(path))


def examine(loaded: Loaded) -> tuple[Config, Plugins]:
    """The same for a file that has been read."""
    chosen = _choose(loaded)
    if loaded.config is None or loaded.problems:
        raise ConfigError(loaded.problems)
    return loaded.config, chosen


def construct(manager: pluggy.PluginManager, plugins: Plugins, context: Context) -> None:
    """Build every plugin in order and register it. Raises PluginError when one cannot be built."""
    built: dict[str, Any] = {}
    for name, chosen in plugins.items():
        try:
            built[name] = chosen.module.Plugin(context, chosen.settings)
        except Exception as error:
            raise PluginError(f"plugin {name} ({chosen.source}) cannot start: {str(error) or type(error).__name__}") from error
    _register(manager, built)


def order(plugins: Plugins) -> dict[str, list[str]]:
    """Per hook the plugins that answer it, in the order of the calls: what the registration of these classes really gives."""
    manager = new_manager()
    _register(manager, {name: chosen.module.Plugin for name, chosen in plugins.items()})
    callers = ((name, getattr(manager.hook, name)) for name in hooks())
    return {name: [impl.plugin_name for impl in reversed(caller.get_hookimpls())] for name, caller in callers}


# --- choosing -------------------------------------------------------------------------------------------------------


def _choose(loaded: Loaded) -> Plugins:
    """The enabled plugins with checked settings; what is wrong is added to ``loaded.problems``."""
    config, chosen = loaded.config, dict[str, Chosen]()
    sections = config.plugins if config else {}
    for name, data in sections.items():
        if not _enabled(data or {}):
            continue
        try:
            module, source = find(name, config.plugin_dirs if config else [])
            settings = loaded.section(settings_of(module), ("plugins", name), data or {})
        except PluginError as error:
            loaded.complain(("plugins", name), str(error), at_key=True)
            continue
        if settings is not None:
            chosen[name] = Chosen(name, source, module, settings)
            for fault in _hook_faults(name, module):
                loaded.complain(("plugins", name), fault, at_key=True)
    for place, message in _across(chosen):
        loaded.complain(place, message)
    if config is not None and _names_are_known(loaded, sections, chosen):
        for place, message in (*_senders(config, chosen), *_collectors(config, chosen)):
            loaded.complain(place, message)
        for place, message in idle(config.connections, _sendings(chosen)):
            loaded.remark(place, message)
    return chosen


def _names_are_known(loaded: Loaded, sections: Mapping[str, dict[str, Any] | None], chosen: Plugins) -> bool:
    """Whether no sender or collector can hide in a plugin that was not found, or in a part of a section that was taken out."""
    if ("plugins",) in loaded.removed or any(name not in chosen and _enabled(data or {}) for name, data in sections.items()):
        return False
    damaged = {str(place[1]) for place in loaded.removed if place[0] == "plugins"}
    return not any(name not in chosen or _provides(chosen[name]) for name in damaged)


def _provides(plugin: Chosen) -> bool:
    collects = type(plugin.settings).collector_names is not PluginSettings.collector_names
    return collects or hasattr(plugin.module.Plugin, "register_senders")


def _enabled(data: dict[str, Any]) -> bool:
    try:
        return TypeAdapter(bool).validate_python(data.get("enabled", True))
    except ValidationError:
        return True  # its own settings say what is wrong


# --- checking -------------------------------------------------------------------------------------------------------


def _register(manager: pluggy.PluginManager, built: dict[str, Any]) -> None:
    for name in reversed(built):  # pluggy calls the last registered first
        try:
            manager.register(built[name], name)
        except pluggy.PluginValidationError as error:
            raise PluginError(f"plugin {name}: {error}") from error
    manager.check_pending()


def _hook_faults(name: str, module: ModuleType) -> Iterator[str]:
    """What is wrong with the hooks that a plugin implements: unknown names, unknown arguments."""
    manager, known = new_manager(), list(hooks())
    try:
        manager.register(module.Plugin, name)
    except pluggy.PluginValidationError as error:
        yield "a hook takes arguments that do not exist: " + " ".join(str(error).split())
        return
    for caller in manager.get_hookcallers(module.Plugin) or ():
        if caller.name not in known and not all(impl.optionalhook for impl in caller.get_hookimpls()):
            yield f"the plugin implements an unknown hook {caller.name}" + nearest(caller.name, known)


def _across(plugins: Plugins) -> Iterator[tuple[Location, str]]:
    """Problems between plugins: one address for two services, one name for two senders."""
    addresses, senders = dict[str, str](), dict[str, str]()
    for name, chosen in plugins.items():
        for place, service in chosen.settings.parts(ServiceSettings):
            for index, address in enumerate(service.listen):
                if not address.endswith(":0"):
                    first = addresses.setdefault(address, f"{name} {service.name}")
                    if first != f"{name} {service.name}":
                        yield ("plugins", name, *place, "listen", index), f"{address} is already taken by {first}"
        for sender in chosen.settings.sender_names():
            if senders.setdefault(sender, name) != name:
                yield ("plugins", name), f"the sender {sender} exists in {senders[sender]} as well; names of senders are unique"


def _collectors(config: Config, plugins: Plugins) -> Iterator[tuple[Location, str]]:
    known = [collector for chosen in plugins.values() for collector in chosen.settings.collector_names()]
    for index, connection in enumerate(config.connections):
        for number, collector in enumerate(connection.collectors):
            if collector not in known:
                place = ("connections", index, "collectors", number)
                yield place, f"no enabled plugin has a collector {collector}" + nearest(collector, known)


def _senders(config: Config, plugins: Plugins) -> Iterator[tuple[Location, str]]:
    known = [sender for chosen in plugins.values() for sender in chosen.settings.sender_names()]
    for index, connection in enumerate(config.connections):
        if connection.sender is not None and connection.sender not in known:
            yield (
                ("connections", index, "sender"),
                f"no enabled plugin has a sender {connection.sender}" + nearest(connection.sender, known),
            )
    yield from between(config.connections, _sendings(plugins))
    for name, chosen in plugins.items():
        for place, sender in chosen.settings.senders_named():
            if sender not in known:
                yield ("plugins", name, *place), f"no enabled plugin has a sender {sender}" + nearest(sender, known)


def _sendings(plugins: Plugins) -> dict[str, Sending]:
    """The senders whose settings we know; a section may hold several, or be one itself."""
    found: dict[str, Sending] = {}
    for name, chosen in plugins.items():
        for place, part in chosen.settings.parts(SenderSettings):
            found.setdefault(part.name, Sending(("plugins", name, *place), part))
        own: object = chosen.settings
        if isinstance(own, SenderSettings) and own.name in chosen.settings.sender_names():
            found.setdefault(own.name, Sending(("plugins", name), own))
    return found
