"""The entry point: which commands there are, and how a mistake is answered.

A command is a function of its own name in a module of its own name beside this file, say `sample`
in `musicvae/cli/sample.py` (with a `_` behind a name that Python keeps for itself); its docstring
is its help. Those modules import typer and nothing heavy, so that `musicvae --help` answers at
once; what a command needs it imports when it runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Annotated

import typer

from musicvae import __version__

# In the order of the help.
COMMANDS: tuple[str, ...] = (
    "inspect",
    "interpolate",
    "sample",
    "reconstruct",
    "vary",
    "groove",
    "encode",
    "decode",
    "models",
    "prepare",
    "train",
    "evaluate",
    "import",
    "export",
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="MUSICVAE_DEBUG=1 in the environment shows the whole traceback of an error.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"musicvae {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Turn one piece of music into another through a learned latent space."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 the user's mistake, 130 interrupted.

    A mistake is one sentence on stderr. What is no user's mistake keeps its traceback.
    """
    try:
        app(args=arguments, prog_name="musicvae")
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, OSError) as error:  # InvalidMusic and Rejected are ValueErrors
        if os.environ.get("MUSICVAE_DEBUG"):
            raise
        typer.echo(f"musicvae: {_sentence(error)}", err=True)
        sys.exit(2)


def _sentence(error: ValueError | OSError) -> str:
    """One line without Python in it: `song.mid: no such file or directory`."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror[0].lower() + error.strerror[1:]
        return reason if error.filename is None else f"{error.filename}: {reason}"
    return " ".join(str(error).split()) or type(error).__name__


for _name in COMMANDS:
    _function = f"{_name}_" if iskeyword(_name) else _name
    app.command(_name)(getattr(import_module(f"musicvae.cli.{_function}"), _function))
