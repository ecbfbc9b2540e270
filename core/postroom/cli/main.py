"""The command ``postroom``: finds the subcommand, reads the common options, turns errors into one line and an exit status."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from .call import Call
from .failures import lines

COMMANDS = {
    "serve": "Run the server in the foreground until SIGTERM or SIGINT; SIGHUP reloads.",
    "check": "Validate the configuration, scripts and certificates.",
    "user": "Accounts: add, list, show, set, password, remove, undelete.",
    "alias": "Mappings of addresses to users and other addresses: add, list, remove.",
    "list": "Distribution lists: add, list, show, remove.",
    "queue": "The outgoing queue: list, show, retry, hold, release, remove.",
    "connect": "Run a connection now, without waiting for the schedule.",
    "schedule": "When connections run by themselves: list, pause, resume.",
    "plugins": "Plugins: list, hooks, new.",
    "explain": "Say where a message would go, and why; sends nothing.",
    "trace": "Tell the recorded life of a message.",
    "dkim": "Keys that sign outgoing mail: create, show, rotate, remove.",
    "lua": "Lua scripts: check, run.",
    "index": "The full-text index: status, rebuild.",
    "db": "The database schema: migrate, status.",
}
DEFAULT_CONFIG = "config.yaml"


class Commands(click.Group):
    """The subcommands by name; a module is imported when its command is used, so that help and typing errors are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of a module; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"postroom.cli.{cmd_name}").command
        return with_common_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def with_common_options(command: click.Command) -> click.Command:
    """The command and all below it with the options that every command takes, where it has none of that name itself."""
    own = {parameter.name for parameter in command.params}
    command.params.extend(option for option in common_options() if option.name not in own)
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        with_common_options(child)
    return command


def common_options() -> list[click.Option]:
    """New option objects for one command."""
    return [
        _option(["-c", "--config"], _set_config, "Configuration file (default: $POSTROOM_CONFIG, then ./config.yaml).", metavar="FILE"),
        _option(["--json"], _set_json, "Print data as JSON.", is_flag=True, default=None),
        _option(["--debug"], _set_debug, "Show the traceback of an error.", is_flag=True, default=None),
    ]


def _option(names: list[str], store: Callable[[Call, Any], None], text: str, **attributes: Any) -> click.Option:
    def remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None:
            store(ctx.ensure_object(Call), value)

    return click.Option(names, callback=remember, expose_value=False, help=text, **attributes)


def _set_config(call: Call, value: str) -> None:
    call.config = Path(value)


def _set_json(call: Call, value: bool) -> None:
    call.json = value


def _set_debug(call: Call, value: bool) -> None:
    call.debug = value


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from .. import __version__

        click.echo(f"postroom {__version__}")
        ctx.exit()


def root() -> click.Group:
    """The command with all its options."""
    group = Commands("postroom", help="An extensible mail server.")
    group.params.extend(common_options())
    group.params.append(
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version.")
    )
    return group


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 it failed, 2 wrong usage."""
    call = Call(Path(os.environ.get("POSTROOM_CONFIG") or DEFAULT_CONFIG))
    try:
        status = root().main(args=list(arguments), prog_name="postroom", standalone_mode=False, obj=call)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("postroom: interrupted", err=True)
        return 1
    except BrokenPipeError:  # `postroom queue list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if call.debug:
            traceback.print_exc()
        click.echo("\n".join(lines(error)), err=True)
        return 1
    return status if isinstance(status, int) else 0
