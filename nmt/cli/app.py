"""The `nmt` command. Each subcommand is a file of its own that imports torch only when it runs."""

import io
import os
import sys

import typer
from typer.core import TyperGroup

from nmt.cli import terminal
from nmt.cli.attend import attend
from nmt.cli.backtranslate import backtranslate
from nmt.cli.clean import clean
from nmt.cli.common import Version, show_fault
from nmt.cli.compare import compare
from nmt.cli.config import config
from nmt.cli.distill import distill
from nmt.cli.evaluate import evaluate
from nmt.cli.export import export
from nmt.cli.finetune import finetune
from nmt.cli.info import info
from nmt.cli.init import init
from nmt.cli.prepare import prepare
from nmt.cli.score import score
from nmt.cli.tokenize import tokenize
from nmt.cli.train import train
from nmt.cli.translate import translate
from nmt.errors import NMTError


class Program(TyperGroup):
    """The group of all commands, whose output is filtered before the first word is read."""

    def main(self, *arguments, **settings):
        """Run the command line."""
        terminal.install()
        return super().main(*arguments, **settings)


app = typer.Typer(
    name="nmt", cls=Program, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


@app.callback()
def nmt(version: Version = False) -> None:
    """Prepare parallel text, train translation models, translate files and compare systems."""


for name, function in {
    "init": init, "clean": clean, "prepare": prepare, "tokenize": tokenize, "train": train, "finetune": finetune,
    "backtranslate": backtranslate, "distill": distill, "translate": translate,
    "eval": evaluate, "compare": compare, "score": score, "attend": attend, "export": export, "config": config,
    "info": info,
}.items():  # fmt: skip
    app.command(name)(function)


def _missing() -> NMTError | None:
    """The fault of a process that has no stdout or no current folder; None if it has both."""
    if not sys.stdout:
        return NMTError("there is no stdout to write to", hint=f"redirect it, such as > {os.devnull}")
    try:
        os.getcwd()
    except FileNotFoundError:
        return NMTError("the current folder was deleted", hint="change to another folder")
    return None


def main() -> None:
    """The entry point of the installed command."""
    # torch's threads wait for each other thousands of times a second. By default a waiting thread of GNU's OpenMP keeps
    # its core busy, so that beside any other program training was seen to run at a tenth of its speed; a short wait
    # costs nothing on an idle machine. Only heard before torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    os.environ["PYTHON_COLORS"] = "0"  # else Python colours tracebacks on a terminal, and the colours would be escaped
    if not sys.stderr:  # closed: nobody wants to hear anything
        sys.stderr = io.StringIO()
    if fault := _missing():
        show_fault(fault)
        sys.exit(1)
    sys.stdout.reconfigure(encoding="utf-8")  # as every file is, also where Windows pipes in a code page
    app(prog_name="nmt")
