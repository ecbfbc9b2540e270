"""The plugins of this tree."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def modules() -> dict[str, ModuleType]:
    """The module ``plugin`` of each bundled plugin by the plugin's name, sorted."""
    names = sorted(path.parent.name.removeprefix("postroom_") for path in PLUGINS.glob("postroom_*/plugin.py"))
    return {name: importlib.import_module(f"postroom_{name}.plugin") for name in names}
