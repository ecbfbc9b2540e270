"""The page of all commands with their arguments and options."""

from __future__ import annotations

from collections.abc import Iterator

import click

from postroom.cli.main import COMMANDS, root

COMMON = {"config", "json", "debug", "help"}
INTRODUCTION = """# Commands

Made from the code by `make docs`; do not edit it. Every command takes

- `-c FILE`, `--config FILE`: the configuration file; else `$POSTROOM_CONFIG`, else `./config.yaml`;
- `--json`: print data as JSON;
- `--debug`: show the traceback of an error;
- `--help`.

Exit status: 0 done, 1 it failed (standard error says why and what to do), 2 wrong usage. The commands work while the server
runs: they use the same database, and tell the workers what has changed.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(part for name in COMMANDS for part in _command(name))])


def _command(name: str) -> Iterator[str]:
    group = root()
    context = click.Context(group, info_name="postroom")
    command = group.get_command(context, name)
    assert command is not None
    yield f"## postroom {name}\n\n{COMMANDS[name]}\n"
    yield from _usages(command, click.Context(command, info_name=name, parent=context))


def _usages(command: click.Command, context: click.Context) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield _usage(command, context)
        return
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from _usages(child, click.Context(child, info_name=name, parent=context))


def _usage(command: click.Command, context: click.Context) -> str:
    arguments = [one.make_metavar(context) for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in COMMON and not one.hidden]
    line = " ".join([context.command_path, *arguments, *(["[OPTIONS]"] if options else [])])
    text = [f"```\n{line}\n```\n", " ".join((command.help or "").split()).replace("``", "`") + "\n"]
    text += [f"- `{_names(one, context)}`: {one.help or ''}" for one in options]
    return "\n".join(text) + ("\n" if options else "")


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.make_metavar(context)}"
