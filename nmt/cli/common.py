"""What every command shares: the border where a fault becomes one line, a hint and an exit code; and options that come
in groups, such as those of the machine."""

import functools
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import typer

from nmt.cli import terminal
from nmt.errors import NMTError
from nmt.version import __version__

Device = Literal["auto", "cpu", "cuda", "mps"]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads (default: all cores).")]


class Options:
    """A group of options: a dataclass of this kind as the type of a command's argument becomes an option a field. Each
    has a default."""

    def given(self) -> dict[str, Any]:
        """Those that are not as they are by default."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {each.name: values[each.name] for each in fields(self) if values[each.name] != each.default}


@dataclass(frozen=True)
class Machine(Options):
    """Where a command computes."""

    device: Annotated[Device, typer.Option(help="Where to compute; auto: $NMT_DEVICE, or the fastest.")] = "auto"
    threads: Threads = None

    def choose_device(self):
        """Set the threads and return the torch device."""
        from nmt import runtime

        runtime.set_threads(self.threads)
        return runtime.choose_device(self.device)

    def typed(self) -> list[str]:
        """The options as they are typed, but for defaults."""
        device = [] if self.device == "auto" else ["--device", self.device]
        return [*device, *([] if self.threads is None else ["--threads", str(self.threads)])]


def _version(shown: bool) -> None:
    if shown:
        terminal.result(f"nmt {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")]
_SHARED = {
    "debug": Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
    "version": Version,
}


def command(function: Callable) -> Callable:
    """Give a command the options of its groups, `--debug` and `--version`, and the border for its faults."""
    signature = inspect.signature(function)
    groups = {name: each.annotation for name, each in signature.parameters.items() if _is_group(each.annotation)}

    @functools.wraps(function)
    def run(*, debug: bool, version: bool, **arguments) -> None:
        for name, group in groups.items():
            arguments[name] = group(**{field.name: arguments.pop(field.name) for field in fields(group)})
        with _hearing_signals():
            with_border(lambda: function(**arguments), debug=debug)

    own = [option for each in signature.parameters.values() for option in _options(each)]
    shared = [_option(name, annotation, default=False) for name, annotation in _SHARED.items()]
    run.__signature__ = signature.replace(parameters=[*own, *shared])
    run.__annotations__ = {each.name: each.annotation for each in [*own, *shared]}
    return run


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """A command's own argument as an option, or those of a group."""
    if _is_group(parameter.annotation):
        return [_option(each.name, each.type, default=each.default) for each in fields(parameter.annotation)]
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]


def _option(name: str, annotation: object, *, default: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


class Signalled(KeyboardInterrupt):
    """A signal asks the program to end: Ctrl-C, SIGTERM, or SIGHUP of a terminal that is closed."""

    def __init__(self, number: int):
        super().__init__()
        self.exit_code = 128 + number


@contextmanager
def _hearing_signals() -> Iterator[None]:
    """The first signal raises Signalled. Those that follow end the program at once, whatever it is doing.

    One that is ignored, as SIGHUP is under nohup, stays so.
    """
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    received = []

    def receive(number: int, _frame) -> None:
        for each in heard:  # also in a call that lets no handler of Python's run before it returns
            signal.signal(each, signal.SIG_DFL)
        if received:  # training has put this handler back
            signal.raise_signal(number)
        received.append(number)
        raise Signalled(number)

    for number in heard:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in heard if not received else ():
            signal.signal(number, before[number])


def with_border(work: Callable[[], None], *, debug: bool) -> None:
    """Run `work`; show a user's fault as one line and a hint and exit with the code that design.md names."""
    try:
        work()
    except BrokenPipeError:
        _discard_output()
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        terminal.message("stopped")
        raise typer.Exit(error.exit_code if isinstance(error, Signalled) else 130) from None
    except Exception as error:
        fault = _as_fault(error)
        if fault is None:
            raise  # a bug of ours
        if debug:
            traceback.print_exc()
        show_fault(fault)
        raise typer.Exit(1) from None


def show_fault(fault: NMTError) -> None:
    """Print a user's fault as one line and a hint."""
    terminal.message(f"{_who()}error: {fault.message}")
    if fault.hint:
        terminal.message(f"hint: {fault.hint}")


def _who() -> str:
    """Names the process where torchrun started several, whose faults would look alike."""
    return f"[rank {os.environ['RANK']}] " if os.environ.get("RANK", "0") != "0" else ""


def _as_fault(error: Exception) -> NMTError | None:
    """The error as a user's fault, or as their machine's; None when it is neither."""
    if isinstance(error, NMTError):
        return error
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        hint = "does the place exist, may you read and write there, and has the disk room?"
        return NMTError(f"{place}{(error.strerror or str(error)).lower()}", hint=hint)
    if isinstance(error, MemoryError | RuntimeError | ImportError):
        from nmt import runtime

        if runtime.is_out_of_memory(error):
            hint = "lower batch_tokens, use a smaller model, or raise the limit on memory"
            return NMTError("out of memory", hint=hint)
    return None


def _discard_output() -> None:
    """The reader of our output has left: let the interpreter flush the rest to nowhere without complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
