"""``postroom lua``: compiles the scripts, or calls one function of a script in the sandbox."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from .call import Call
from .failures import Failure

if TYPE_CHECKING:
    from ..config.core_sections import LuaSettings
    from ..lua.bridge import Plain
    from ..lua.script import Scripts


@click.group()
def command() -> None:
    """Lua scripts: check, run."""


@command.command()
@click.pass_obj
def check(call: Call) -> int:
    """Compile all scripts of lua.directory; every problem is told as FILE:LINE: message."""
    settings = call.settings().lua
    scripts = _scripts(settings)
    if not settings.directory.is_dir():
        raise Failure(f"there is no directory {settings.directory}: make it, or correct lua.directory in the configuration")
    problems = scripts.check()
    found = [{"file": str(problem.file), "line": problem.line, "message": problem.text} for problem in problems]
    count = sum(1 for _ in scripts.files())
    call.show({"scripts": count, "problems": found}, lambda: "" if problems else f"{count} scripts, no problems")
    for problem in problems:
        click.echo(str(problem), err=True)
    return 1 if problems else 0


@command.command()
@click.argument("script")
@click.argument("function")
@click.argument("arguments", nargs=-1, metavar="[JSON]...")
@click.pass_obj
def run(call: Call, script: str, function: str, arguments: tuple[str, ...]) -> None:
    """Call one function of a script in the sandbox, each argument as JSON, and print what it returns as JSON."""
    results = _run(call.settings().lua, script, function, [_value(argument) for argument in arguments])
    print(json.dumps(results[0] if len(results) == 1 else list(results) or None, ensure_ascii=True, default=str))


def _run(settings: LuaSettings, script: str, function: str, values: list[Any]) -> tuple[Plain, ...]:
    from ..lua.faults import LuaFault
    from ..lua.runtime import Limits, Runtime

    scripts = _scripts(settings)
    code = scripts.find(script)
    if code is None:
        raise Failure(_missing(scripts, script))
    limits = Limits(settings.max_memory, settings.max_instructions, settings.deadline)
    runtime = Runtime(scripts.engine, limits, output=lambda text: print(text, file=sys.stderr), fetch=scripts.find)
    try:
        runtime.run(code)
        return runtime.call(function, *values)
    except LuaFault as error:
        raise Failure(str(error)) from error
    except KeyError:
        raise Failure(f"{script} defines no function {function} (names are case-sensitive)") from None


def _scripts(settings: LuaSettings) -> Scripts:
    from ..lua.engine import Engine
    from ..lua.script import Scripts

    return Scripts(Engine(settings.version), settings.directory)


def _missing(scripts: Scripts, name: str) -> str:
    """Why a script has no code: it does not compile, or it is not there."""
    wanted = name.lower().removesuffix(".lua")
    problems = [problem for problem in scripts.check() if problem.file.stem.lower() == wanted]
    if problems:
        return str(problems[0])
    names = ", ".join(path.name for path in scripts.files()) or "none"
    return f"there is no script {name} in {scripts.directory} (there are: {names})"


def _value(text: str) -> Any:
    """One argument: JSON, or plain text for what is no JSON, so that quotes in the shell are seldom needed."""
    try:
        return json.loads(text)
    except ValueError:
        return text
