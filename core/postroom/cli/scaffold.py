"""The files of a new plugin: one setting, one hook, one test; small enough to be read before it is changed."""

from __future__ import annotations

SETUP = '''"""The plugin {name} for Postroom."""

from setuptools import setup

setup(
    name="postroom-{dashed}",
    version="0.1.0",
    packages=["postroom_{name}"],
    install_requires=["postroom"],
    entry_points={{"postroom.plugins": ["{name}=postroom_{name}.plugin"]}},
)
'''

INIT = '''"""The Postroom plugin {name}."""
'''

PLUGIN = '''"""Refuses mail from senders that the administrator does not want."""

from __future__ import annotations

from pydantic import Field

from postroom import Client, Envelope, Verdict, hookimpl
from postroom.config.schema import PluginSettings
from postroom.context import Context


class Settings(PluginSettings):
    """What may stand under ``{name}:`` in config.yaml."""

    refused: list[str] = Field([], description="Addresses that may not send to us.")


class Plugin:
    """One object in each worker; every method marked ``hookimpl`` answers the hook of its name."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context, self.settings = context, settings

    @hookimpl
    def check_sender(self, client: Client, envelope: Envelope) -> Verdict | None:
        """Refuse the listed senders; None means "no opinion"."""
        if envelope.sender in self.settings.refused:
            return Verdict.reject("We do not take mail from this address")
        return None
'''

CONFTEST = '''"""Gives the tests the fixture ``miniature``."""

pytest_plugins = ["postroom.testing.fixtures"]
'''

TEST = '''"""The plugin {name}: who is refused, and who is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom.testing import Miniature


@pytest.fixture
def server(miniature: Callable[..., Miniature]) -> Miniature:
    """A server with the plugin and a user."""
    server = miniature({{"{name}": {{"refused": ["spam@example.net"]}}}})
    server.add_user("alice")
    return server


def test_a_listed_sender_is_refused(server: Miniature) -> None:
    assert server.send("spam@example.net", "alice@example.test").startswith("550 5.7.1 ")
    assert server.mailbox("alice") == []


def test_another_sender_is_left_to_others(server: Miniature) -> None:
    assert server.send("friend@example.net", "alice@example.test").startswith("250 ")
    assert len(server.mailbox("alice")) == 1
'''

README = """# postroom-{dashed}

A plugin for the Postroom mail server. Install it beside Postroom (`pip install .`) and switch it on in `config.yaml`:

```yaml
plugins:
  {name}:
    refused: [spam@example.net]
```

`pytest` runs its tests. The hooks that a plugin may answer are in Postroom's `docs/reference/hooks.md`,
and what the tests may use in its `docs/writing-a-plugin.md`.
"""

TEMPLATES = {
    "setup.py": SETUP,
    "README.md": README,
    "conftest.py": CONFTEST,
    "postroom_{name}/__init__.py": INIT,
    "postroom_{name}/plugin.py": PLUGIN,
    "tests/test_{name}.py": TEST,
}


def files(name: str) -> dict[str, str]:
    """The text of each file of the plugin ``name``, by its path inside the package's folder."""
    words = {"name": name, "dashed": name.replace("_", "-")}
    return {path.format(**words): text.format(**words) for path, text in TEMPLATES.items()}
