"""nmt compare: finished runs side by side, in quality and in cost, as a report to look at."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli import lines, terminal
from nmt.cli.common import Machine, command
from nmt.cli.progress import Progress


@command
def compare(
    *,
    run: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, model bundles or exports.",
                                              show_default=False)],
    output: Annotated[Path, typer.Option(help="A folder (HTML, Markdown, pictures, JSON), or page.html alone.")],
    source: Annotated[Path | None, typer.Option(help="The test set [the runs' configs']: a sentence a line.")] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="Its translation; repeatable.")] = None,
    tokenize: lines.Tokenize = None,
    tag: lines.TestTag = None,
    beam: Annotated[int | None, typer.Option(help="Hypotheses kept a sentence [as trained].")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="alpha in log p / length^alpha [as trained].")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Source pieces a batch [as trained].")] = None,
    precision: lines.Precision = "auto",
    turns: Annotated[int, typer.Option(min=0, max=99, help="Times each decodes for its speed; 0: not at all.")] = 3,
    worst: Annotated[int, typer.Option(min=0, help="Lines to look at per run.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Draws the random examples.")] = 1,
    machine: Machine,
) -> None:  # fmt: skip
    """Compare finished runs: learning curves, scores, lengths, cost, attention and examples, in one report."""
    from nmt import runtime
    from nmt.analysis import curves, markdown, report, tables, written

    curves.require()
    written.require(output)
    given = {"beam": beam, "length_penalty": length_penalty, "batch_tokens": batch_tokens}
    runtime.keep_freed_memory()
    progress = Progress()
    facts = report.gather(
        run, source=source, references=reference or (), tokenize=tokenize, tag=tag, device=machine.device,
        precision=precision, threads=machine.threads, turns=turns, worst=worst, seed=seed,
        on_note=lambda text: progress.note(f"note: {text}"),
        on_progress=lambda stage, done: progress.move(f"{stage} {done:,}"),
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    progress.clear()
    for system in facts.comparison.systems:
        lines.note_missing_tags(system.name, system.model.missing_tags)
    written.write(facts, output, command=shlex.join(["nmt", *sys.argv[1:]]))
    for each in (tables.summary(facts), tables.against_first(facts)):
        if each is not None:
            terminal.result(f"{markdown.table(each)}\n")
    terminal.result(f"report: {output if written.is_page(output) else output / written.HTML}")
