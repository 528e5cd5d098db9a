"""nmt distill: a teacher's translations as training text for a student."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from nmt.cli import synthesis, terminal
from nmt.cli.common import Machine, command

Nearest = Annotated[
    Literal["bleu", "chrf"] | None, typer.Option(help="Of the n best take the one most like the reference.")
]


@command
def distill(
    *,
    model: Annotated[list[Path], typer.Option(help="The teacher; several are an ensemble.")],
    output: synthesis.Output,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Its training text is translated.")] = None,
    source: Annotated[list[Path] | None, typer.Option(help="Instead: source text; repeatable.")] = None,
    target: Annotated[list[Path] | None, typer.Option(help="Its reference, for --nearest; repeatable.")] = None,
    nearest: Nearest = None,
    n_best: Annotated[int | None, typer.Option(help="--nearest: translations to choose from [the beam].")] = None,
    tag: synthesis.Tag = None,
    beam: synthesis.Beam = None,
    packed: synthesis.Packed = False,
    resume: synthesis.Resume = False,
    force: synthesis.Force = False,
    batch_tokens: synthesis.BatchTokens = None,
    precision: synthesis.Precision = "auto",
    workers: synthesis.Workers = None,
    machine: Machine,
) -> None:
    """Have a teacher translate the training text, for a smaller or faster student to learn from."""
    from nmt import config as settings
    from nmt.config import ParallelText
    from nmt.errors import ConfigError
    from nmt.synthesis import distill as work

    if n_best is not None and nearest is None:
        raise ConfigError("--n-best: the best of them is what the search gives", hint="add --nearest bleu or chrf")
    if target and not source:
        raise ConfigError("--target: of which source?", hint="give --source too")
    if target and not nearest:
        raise ConfigError("--target: the teacher's translations take its place", hint="it belongs to --nearest")
    text = None
    if source and target:
        value = {"source": list(source), "target": list(target)}
        text = settings.check(ParallelText, value, name="--source, --target")
    student = None if config is None else settings.load(config)
    made = synthesis.make(
        work, machine, precision=precision, workers=workers, models=model, folder=output, nearest=nearest,
        search={"beam": beam, "n_best": n_best, "batch_tokens": batch_tokens, "tag": tag},
        config=student, text=text, source=[] if text else source or [], packed=packed, resume=resume, force=force,
    )  # fmt: skip
    place = "the student's config" if config is None else f"a copy of {config}"
    terminal.result(f"next: put under data in {place}")
    for split, paths in {"train": (made.source, made.target), **made.held_out}.items():
        source, target = (synthesis.place(path, config) for path in paths)
        own = student and (student.data.texts[0] if split == "train" else getattr(student.data, split)).tag
        text = settings.yaml.flow({"source": source, "target": target, **({"tag": own} if own else {})})
        terminal.result(f"    {split}: {text}")
