"""``postroom check``: every problem of the configuration at once, or the JSON Schema for editors."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .call import Call

if TYPE_CHECKING:
    from ..config.core_sections import LuaSettings
    from ..config.document import Problem


@click.command()
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration, plugins included, and check nothing.")
@click.pass_obj
def command(call: Call, schema: bool) -> None:
    """Validate the configuration, scripts and certificates; every problem is told with its place."""
    if schema:
        from .json_schema import json_schema

        print(json.dumps(json_schema(), indent=2))
        return
    from ..config.load import ConfigError

    problems, notes = found(call.config)
    for note in notes:
        click.echo(note, err=True)
    data = {"valid": not problems, "problems": list(map(asdict, sorted(set(problems)))), "notes": list(map(asdict, notes))}
    call.show(data, lambda: "" if problems else "configuration is valid")
    if problems:
        raise ConfigError(problems)


def found(path: Path) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with the configuration at ``path``, its plugins' sections, certificates and Lua scripts; and what would do nothing."""
    from ..config.certificates import remarks
    from ..config.load import ConfigError, inspect
    from ..plugins import examine

    loaded, problems = inspect(path), []
    try:
        examine(loaded)
    except ConfigError as error:
        problems = error.problems
    if loaded.config is not None:
        for place, message in remarks(loaded.config, dt.datetime.now(dt.UTC)):
            loaded.remark(place, message)
    return [*problems, *(in_scripts(loaded.config.lua) if loaded.config else ())], sorted(loaded.notes)


def in_scripts(settings: LuaSettings) -> Iterator[Problem]:
    """What is wrong with the scripts of ``lua.directory``; nothing when there are none."""
    from ..config.document import Problem

    if not any(settings.directory.glob("*.[lL][uU][aA]")):
        return
    from ..lua.engine import Engine
    from ..lua.script import Scripts

    for problem in Scripts(Engine(settings.version), settings.directory).check():
        yield Problem(str(problem.file), problem.line, 1, "lua", problem.text)
