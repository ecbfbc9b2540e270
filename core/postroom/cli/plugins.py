"""``postroom plugins``: what is switched on and from where, who answers which hook, and the beginning of a new plugin."""

from __future__ import annotations

from pathlib import Path

import click

from .call import Call, table
from .failures import Failure


@click.group()
def command() -> None:
    """Plugins: what the configuration switches on, and what could be."""


@command.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """All plugins: those that are on in the order of their calls, then those that could be switched on."""
    from ..discovery import available
    from ..plugins import read

    config, chosen = read(call.config)
    rows = [(name, True, plugin.source) for name, plugin in chosen.items()]
    rows += [(name, False, source) for name, source in sorted(available(config.plugin_dirs).items()) if name not in chosen]
    data = [{"name": name, "enabled": enabled, "source": source} for name, enabled, source in rows]
    call.show(data, lambda: table(("name", "enabled", "source"), rows, "no plugin is installed"))


@command.command()
@click.pass_obj
def hooks(call: Call) -> None:
    """For each hook, in the order of a message's life, the plugins that answer it in the order of the calls."""
    from ..plugins import order, read

    found = order(read(call.config)[1])
    call.show(found, lambda: table(("hook", "asked in this order"), list(found.items()), "there are no hooks"))


@command.command()
@click.argument("name")
@click.pass_obj
def new(call: Call, name: str) -> None:
    """Write a working plugin package with a test into the current folder; NAME is lower-case letters, digits and underscores."""
    from .scaffold import files

    word = name.removeprefix("postroom_")
    if not word.isidentifier() or not word.isascii() or word != word.lower():
        raise Failure(f"{name!r} cannot be the name of a plugin: lower-case letters, digits and underscores, such as quarantine_digest")
    folder = Path(f"postroom_{word}")
    if folder.exists():
        raise Failure(f"{folder} exists already; choose another name or remove it")
    written = []
    for path, text in files(word).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(str(target))
    after = f"next: pip install -e ./{folder}, add `{word}: {{}}` under plugins: in the configuration, then `postroom check`"
    call.show({"name": word, "files": written}, lambda: "\n".join([*(f"wrote {path}" for path in written), after]))
