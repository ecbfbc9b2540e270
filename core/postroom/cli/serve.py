"""``postroom serve``: runs the server in the foreground."""

from __future__ import annotations

from contextlib import suppress

import click

from .call import Call


@click.command()
@click.option("--log-format", type=click.Choice(["auto", "text", "json"]), help="Form of the log on standard error (default: log.format).")
@click.pass_obj
def command(call: Call, log_format: str | None) -> int:
    """Run the server in the foreground until SIGTERM or SIGINT; SIGHUP reloads the configuration.

    Prints a line for each listening service, then "ready".
    """
    from ..serving import serve

    return serve(call.config, say, log_format=log_format)


def say(sentence: str) -> None:
    """Print it. Nobody may be there to read (a pipe that is closed, a full disk): the server goes on."""
    with suppress(OSError):
        print(sentence, flush=True)
