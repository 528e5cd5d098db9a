"""nmt train: train a model, or go on with a run."""

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli import lines, terminal
from nmt.cli.busy import note_busy
from nmt.cli.common import Machine, command
from nmt.cli.progress import Progress, duration
from nmt.errors import NMTError
from nmt.escapes import shell

if TYPE_CHECKING:
    from nmt.config import Config


@command
def train(
    *,
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The config file.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Replace settings.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run, or start it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything once, say what to expect.")] = False,
    extend: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Add N updates to a finished run.", show_default="none")
    ] = None,
    machine: Machine,
) -> None:
    """Train a model; the data are prepared first if need be.

    Example: nmt train --config config.yaml training.lr=1e-3
    """
    check_switches(resume=resume, force=force)
    if extend and force:
        raise typer.BadParameter("--extend continues a run, --force replaces it: give one of them")
    from nmt import config as settings

    overrides = list(overrides or [])
    checked = settings.load(config, overrides)
    if extend:
        overrides += _extension(checked, extend)
        checked = settings.load(config, overrides)
    lines.note_idle(checked)
    typed = ["train", "--config", str(config), *overrides]
    run(checked, machine, typed, resume=resume or bool(extend), force=force, dry_run=dry_run)


def _extension(config: "Config", updates: int) -> list[str]:
    """The settings with which a finished run makes so many more updates."""
    from nmt.training import run_folder

    return [f"training.steps={run_folder.finished_step(config) + updates}", "training.patience=null"]


def check_switches(*, resume: bool, force: bool) -> None:
    if resume and force:
        raise typer.BadParameter("--resume goes on with a run, --force replaces it: give one of them")


def run(
    config: "Config", machine: Machine, typed: list[str], *, resume: bool, force: bool, dry_run: bool,
    note: str | None = None,
) -> None:  # fmt: skip
    """Train, or try it, and show how it goes; the command was `typed` so, but for the machine's options."""
    from nmt import training

    again = shlex.join(["nmt", *typed, *machine.typed(), "--resume"])
    if "TORCHELASTIC_RUN_ID" in os.environ:
        again = "the same torchrun with --resume"
    show = Show(again, dry_run=dry_run)
    if dry_run and lines.is_first():
        note_busy()
    device = machine.choose_device()
    if note and lines.is_first():
        show.line.note(note)
    work = training.rehearse if dry_run else training.train
    finished = work(config, resume=resume, force=force, device=device, workers=None, on_event=show)
    if finished and finished.best and lines.is_first():
        _show_survival(finished.folder, device)


def _show_survival(folder: Path, device: str) -> None:
    """Report how often names, numbers and the like come through, which no score shows."""
    from nmt import bundle
    from nmt.evaluation import survival

    with suppress(NMTError):  # the model is finished and good, even if its text is gone by now
        if bundle.read(folder).card["survival"]:
            return  # measured when these weights came
        if rates := survival.of_run(folder, device=str(device)):
            terminal.message(f"kept: {survival.shown(rates)}")


class Show:
    """Shows the events of training: one method for each kind, found by its name."""

    def __init__(self, again: str, *, dry_run: bool):
        self.again, self.dry_run = again, dry_run  # the command that goes on with the run
        self.line = Progress()
        self.updates, self.loss = False, ""  # whether one was shown, and the last loss

    def __call__(self, event) -> None:
        getattr(self, type(event).__name__.lower())(event)

    def unbegun(self, event) -> None:
        self.line.note(f"{event.folder}: no checkpoint there yet, so the run starts from the beginning")

    def preparing(self, event) -> None:
        self.line.move(f"preparing: {event.stage} {event.done:,}")

    def mended(self, event) -> None:
        self.line.note(f"{event.folder}: was damaged or incomplete, and has been made anew; is the disk sound?")

    def checking(self, _event) -> None:
        self.line.move("trying once what the run will do", now=self.line.on_terminal)

    def checked(self, event) -> None:
        self.line.clear()
        for each in event.forecast.notes:
            self.line.note(f"note: {each}")
        if not self.dry_run:
            return
        found = event.forecast
        memory = "unknown" if found.memory is None else f"{found.memory / 1e9:.2f} GB"
        terminal.result(f"largest batch  {found.rows:,} pairs of up to {found.source:,} and {found.target:,} pieces")
        terminal.result(f"memory         {memory}")
        terminal.result(f"time           about {duration(found.seconds)} on an idle machine, evaluations included")
        terminal.result(f"disk           {found.disk / 1e9:.2f} GB of {found.free / 1e9:.1f} GB free")
        terminal.result("everything that the run will do was done once; nothing was trained or kept")

    def started(self, event) -> None:
        note, machine = self.line.note, event.machine
        for line in event.report.lines():
            note(line)
        note(f"{event.parameters:,} parameters, {event.pairs:,} pairs, {event.target_tokens:,} target tokens an epoch")
        if event.frozen:
            note(f"{event.frozen:,} of the parameters are frozen")
        note(f"{event.precision} on {machine['device']}, {machine['threads']} threads, seed {event.seed}")
        if event.step:
            note(f"going on after update {event.step:,} of {event.steps:,}")
        if event.changes:
            note(f"the machine is another than at the start, so the last bits may differ: {', '.join(event.changes)}")

    def updated(self, event) -> None:
        speed, left = f"{event.tokens_per_second:,.0f} tokens/s", f"{duration(event.remaining)} left"
        first = not self.updates
        self.updates = True
        self.line.move(f"{event.step:,}/{event.steps:,}  {self.loss}{speed}  {left}", now=first)

    def progress(self, event) -> None:
        self.loss = f"loss {event.loss:.3f}  "
        if event.skipped:
            self.loss += f"{event.skipped} updates skipped  "

    def spike(self, event) -> None:
        self.line.note(f"{event.step:,}: loss {event.loss:.3f} of one update, where {event.usual:.3f} was usual")

    def split(self, event) -> None:
        self.line.note(
            f"{event.step:,}: memory ran out; the batch is computed in parts, with the same result but slower. "
            "Smaller training.batch_tokens with larger training.accumulate avoid it"
        )

    def evaluating(self, event) -> None:
        self.line.move(f"{event.step:,}: translating the development text", now=self.line.on_terminal)

    def evaluated(self, event) -> None:
        scores, mark = event.scores, "  <- best" if event.best else ""
        self.line.note(
            f"{event.step:,}: dev loss {scores.loss:.4f}, perplexity {_short(scores.perplexity)}, "
            f"BLEU {scores.bleu.value:.2f}, chrF {scores.chrf.value:.2f}{mark}"
        )

    def stopped(self, event) -> None:
        self.line.note(f"saved after update {event.step:,}; to go on: {self.again}")

    def finished(self, event) -> None:
        self.line.clear()
        _conclude(event)


def _short(perplexity: float) -> str:
    """Of a training that broke down it has a hundred digits."""
    return f"{perplexity:.2f}" if perplexity < 1e6 else f"{perplexity:.1e}"


ADVICE = {
    "alike": "most development translations are the same text: the model learned almost nothing from the source. Train "
    "longer; if the loss does not fall, check that source and target lines belong together, then lower training.lr",
    "overfitting": "overfitting: the development loss rose while the training loss fell. Raise model.dropout, take a "
    "smaller model, or add text",
    "improving": "still improving at the end: train again with a larger training.steps and another run=...",
}
"""Advice for each verdict on the learning curves."""


def _conclude(finished) -> None:
    """Report how training ended, where the model is, and what to do next."""
    folder = shell(finished.folder)
    if not finished.done:
        why = f"its {finished.step:,} updates are done"
        if finished.reason == "patience":
            why = f"update {finished.step:,} ended training.patience evaluations without a better one"
        terminal.message(f"{finished.folder}: training is over: {why}")
        terminal.message(
            f"`nmt train --extend N` adds N updates; `nmt finetune --model {folder}` starts a new run from this model"
        )
    elif finished.reason == "patience":
        terminal.message(
            f"stopped early, after update {finished.step:,}: training.patience evaluations brought nothing better"
        )
    for verdict in finished.verdicts:
        terminal.message(ADVICE[verdict])
    if finished.best is None:
        terminal.message("no evaluation gave a number, so there is no model; the learning rate may be too high")
        return
    best = finished.best
    terminal.result(
        f"{finished.folder / 'model'}: BLEU {best['bleu']['value']:.2f}, chrF {best['chrf']['value']:.2f} on the "
        f"development text after update {best['step']:,}; {duration(finished.seconds)} of training"
    )
    terminal.result(f"next: nmt eval --model {folder}, or nmt translate --model {folder} --input FILE")
