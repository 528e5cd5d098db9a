"""nmt backtranslate: text in the target language -> training pairs whose source a model has written."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli import synthesis, terminal
from nmt.cli.common import Machine, command


@command
def backtranslate(
    *,
    model: Annotated[list[Path], typer.Option(help="The reverse model; several are an ensemble.")],
    input: Annotated[list[Path], typer.Option(help="Text, one sentence a line; also .gz and .xz; repeatable.")],
    output: synthesis.Output,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Of the model to train, whose direction is checked.")
    ] = None,
    tag: synthesis.Tag = None,
    beam: synthesis.Beam = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw translations [never, unless asked].")] = False,
    top_k: Annotated[int | None, typer.Option(help="Sampling: among the k likeliest pieces.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling: divides the logits.")] = None,
    seed: Annotated[int | None, typer.Option(help="Sampling: the random seed.")] = None,
    packed: synthesis.Packed = False,
    resume: synthesis.Resume = False,
    force: synthesis.Force = False,
    batch_tokens: synthesis.BatchTokens = None,
    precision: synthesis.Precision = "auto",
    workers: synthesis.Workers = None,
    machine: Machine,
) -> None:
    """Turn text in the target language into training pairs: a reverse model writes the source side."""
    from nmt import config as settings
    from nmt.synthesis import backtranslate as work

    search = {
        "beam": beam, "sample": sample, "top_k": top_k, "temperature": temperature, "seed": seed,
        "batch_tokens": batch_tokens, "tag": tag,
    }  # fmt: skip
    forward = None if config is None else settings.load(config)
    made = synthesis.make(
        work, machine, precision=precision, workers=workers, search=search, models=model, inputs=input, folder=output,
        config=forward, packed=packed, resume=resume, force=force,
    )  # fmt: skip
    source, target = (synthesis.place(path, config) for path in (made.source, made.target))
    text = settings.yaml.flow({"source": source, "target": target, "tag": "bt", "weight": 1.0})
    terminal.result(f"next: make data.train of {config or 'your config'} a list, and add to what is there")
    terminal.result(f"    - {text}")
