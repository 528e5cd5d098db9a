"""nmt export: a model in the form of another engine."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nmt.cli import lines, terminal
from nmt.cli.common import Threads, command

if TYPE_CHECKING:
    from nmt.export import Exported


Quantization = Literal[
    "float32", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16"
]  # fmt: skip


@command
def export(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.", show_default=False)],
    model: Annotated[Path, typer.Option(help="A run folder or a model bundle.")],
    to: Annotated[Literal["ctranslate2"], typer.Option(help="The engine.")] = "ctranslate2",
    quantization: Annotated[Quantization, typer.Option(help="Number format of the weights.")] = "float32",
    input: Annotated[Path | None, typer.Option(help="Lines that both engines translate [development text].")] = None,
    tag: Annotated[str | None, typer.Option(help="Before each of them [the development text's].")] = None,
    most: Annotated[int, typer.Option("--lines", min=1, help="At most so many of them.")] = 500,
    force: Annotated[bool, typer.Option("--force", help="Replace the folder that is there.")] = False,
    threads: Threads = None,
) -> None:
    """Write a model for another engine, and say how far both agree. `nmt translate` and `eval` take the folder."""
    from nmt import export as exporting
    from nmt import runtime
    from nmt.data.text import read_lines
    from nmt.escapes import shell
    from nmt.export.run import check_model, check_place, development_lines

    check_place(output, force=force)  # before the text is read or prepared
    runtime.set_threads(threads)
    runtime.keep_freed_memory()
    search = check_model(model).config.search
    text, usual = (list(islice(read_lines(input), most)), None) if input else development_lines(model, most)
    tag = usual if tag is None else tag
    lines.note(f"both engines translate {len(text):,} lines")
    exported = exporting.export(
        model, output, lines=text, quantization=quantization, threads=threads, tag=tag, force=force
    )
    for line in report(exported):
        terminal.result(line)
    terminal.result(f"{output}: {to}, {quantization}, {exported.bytes / 1e6:,.1f} MB")
    if search.sample:
        lines.note("its config draws translations, which CTranslate2 does in another way: here nmt only searches")
    terminal.result(f"next: nmt translate --model {shell(output)} {'--search ' * search.sample}--input FILE")


def report(exported: "Exported") -> list[str]:
    """How far both engines agree."""
    found = exported.agreement
    greedy, beam = (f"{same:,} of {found.lines:,} lines" for same in (found.greedy, found.beam))
    return [
        f"identical, greedy           {greedy}",
        f"identical, config's search  {beam}",
        f"largest score difference    {found.score_difference:.2g} nats a token, of the same translation",
        f"CTranslate2 computed in     {exported.precision}",
    ]
