"""Where plugins are found: single files in ``plugin_dirs``, entry points of installed packages, packages named ``postroom_<name>``."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from .config.schema import PluginSettings
from .config.wording import nearest

GROUP = "postroom.plugins"


class PluginError(Exception):
    """A plugin cannot be used; the text says why."""


def available(plugin_dirs: list[Path]) -> dict[str, str]:
    """The names of all plugins that could be switched on, with where each is from."""
    found = {entry.name: _origin(entry) for entry in importlib.metadata.entry_points(group=GROUP)}
    found |= {file.stem: str(file) for folder in reversed(plugin_dirs) for file in sorted(folder.glob("[a-z]*.py"))}
    return found


def find(name: str, plugin_dirs: list[Path]) -> tuple[ModuleType, str]:
    """The module of a plugin and where it is from; files in ``plugin_dirs`` come before installed packages. Raises PluginError."""
    for folder in plugin_dirs:
        if name.isidentifier() and (folder / f"{name}.py").is_file():
            return _load_file(name, folder / f"{name}.py"), str(folder / f"{name}.py")
    for entry in importlib.metadata.entry_points(group=GROUP, name=name):
        return _import(entry.value), _origin(entry)
    if name.isidentifier() and importlib.util.find_spec(f"postroom_{name}") is not None:
        return _import(f"postroom_{name}.plugin"), f"postroom_{name}"
    raise PluginError("there is no such plugin" + nearest(name, available(plugin_dirs)))


def settings_of(module: ModuleType) -> type[PluginSettings]:
    """The ``Settings`` class of a plugin's module; the bare base when it has none. Raises PluginError."""
    settings = getattr(module, "Settings", PluginSettings)
    if not (isinstance(settings, type) and issubclass(settings, PluginSettings)):
        raise PluginError(f"{module.__name__}.Settings must be a class derived from postroom.config.schema.PluginSettings")
    if not isinstance(getattr(module, "Plugin", None), type):
        raise PluginError(f"{module.__name__} has no class Plugin")
    return settings


def _origin(entry: importlib.metadata.EntryPoint) -> str:
    return f"{entry.value} ({entry.dist.name} {entry.dist.version})" if entry.dist else entry.value


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:
        raise PluginError(f"the plugin cannot be imported: {type(error).__name__}: {error}") from error


def _load_file(name: str, path: Path) -> ModuleType:
    full_name = f"postroom_file_{name}"
    spec = importlib.util.spec_from_file_location(full_name, path)
    assert spec is not None  # it always is there for a .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module  # pydantic looks up annotations there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[full_name]
        raise PluginError(f"the file {path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module
