"""Single trainings: what is trained, whether that was done, and what came of it."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from corpora import Corpus

from nmt import config as settings
from nmt import files
from nmt.analysis.runs import read_log
from nmt.data import sizes
from nmt.data.suggest import fit, suggest
from nmt.data.survey import Survey, survey

ROOT = Path(__file__).resolve().parents[2]


class Trial(NamedTuple):
    """One training."""

    key: str
    """Names the settings and the text."""
    corpus: str
    pairs: int
    family: sizes.Family
    settings: dict[str, Any]
    """Settings that differ from the rules."""
    seed: int
    config: Path
    run: Path
    sizes: sizes.Sizes

    @property
    def title(self) -> str:
        """For people."""
        changed = " ".join(f"{name}={value}" for name, value in self.settings.items()) or "rules"
        return f"{self.corpus} {self.family} {changed} seed={self.seed}"


@lru_cache
def _survey(corpus: Corpus, family: sizes.Family) -> Survey:
    given = {"dev": corpus.dev, "test": corpus.dev} if corpus.dev else {}
    return survey(corpus.train, given, family=family)


def plan(corpus: Corpus, family: sizes.Family, changes: dict[str, Any], seed: int, output: Path) -> Trial:
    """Write the config of a training. Raises ConfigError for settings that cannot be.

    If the batch changes and the steps do not, the passes over the text stay.
    """
    seen = _survey(corpus, family)
    size = _changed(seen, fit(seen, family), changes)
    given = {"dev": corpus.dev, "test": corpus.dev} if corpus.dev else {}
    draft = output / "corpora" / corpus.name / f"{family}.yaml"
    text = suggest(
        seen, train=corpus.train, given=given, languages=corpus.languages, model=family, path=draft, size=size
    )
    files.write_text(draft, text)
    config = settings.load(draft, [f"training.seed={seed}", *_overrides(changes)])
    key = settings.digest(corpus.name, config.tokenizer, config.model, config.training)
    folder = output / "runs" / corpus.name / family / key
    config = config.model_copy(update={
        "run": folder / "run", "data": config.data.model_copy(update={"cache": output / "corpora" / corpus.name}),
    })  # fmt: skip
    path = folder / "config.yaml"
    files.write_text(path, settings.dump(config))
    return Trial(key, corpus.name, seen.kept, family, changes, seed, path, config.run, size)


def _changed(seen: Survey, size: sizes.Sizes, changes: dict[str, Any]) -> sizes.Sizes:
    size = size._replace(**{name: value for name, value in changes.items() if name in size._fields})
    updates = max(1.0, seen.kept * seen.pieces / (size.batch_tokens * size.accumulate))  # per pass
    if "steps" in changes:
        return size._replace(passes=size.steps / updates)
    if changes.keys() & {"passes", "batch_tokens", "accumulate"}:
        return size._replace(steps=sizes.rounded(size.passes * updates))
    return size


def _overrides(changes: dict[str, Any]) -> list[str]:
    named = {"vocabulary": "tokenizer.vocabulary"}
    wanted = {named.get(name, name): value for name, value in changes.items() if name not in sizes.Sizes._fields}
    return [f"{name}={json.dumps(value)}" for name, value in wanted.items()]


class Results:
    """A file with one finished training per line."""

    def __init__(self, path: Path):
        self._path, self._lock = path, Lock()

    def read(self) -> list[dict[str, Any]]:
        """All finished trainings, the last line of each."""
        if not self._path.exists():
            return []
        lines = map(json.loads, self._path.read_text(encoding="utf-8").splitlines())
        return list({line["key"]: line for line in lines}.values())

    def missing(self, trials: Sequence[Trial], minutes: float) -> list[Trial]:
        """The trials that are not finished, each once. One that failed, or was stopped after less time, is not."""
        done = {line["key"] for line in self.read() if not line["failed"] and not 0 < line["cut"] < minutes}
        return list({trial.key: trial for trial in trials if trial.key not in done}.values())

    def add(self, result: dict[str, Any]) -> None:
        """Append a training."""
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")


class Runner:
    """Trains trials, each in a process of its own, and notes the results."""

    def __init__(self, results: Results, *, minutes: float, threads: int, keep: bool):
        self._results, self._minutes, self._threads, self._keep = results, minutes, threads, keep
        self._running: set[subprocess.Popen] = set()
        self._stopped = False

    def stop(self) -> None:
        """Let the running trainings save and end; none is started any more."""
        self._stopped = True
        for process in list(self._running):
            process.send_signal(signal.SIGTERM)

    def __call__(self, trial: Trial) -> None:
        if self._stopped:
            return
        arguments = ["train", "--config", str(trial.config), "--threads", str(self._threads), "--resume"]
        print(f"{trial.title}\n$ nmt {shlex.join(arguments)}", flush=True)
        with open(trial.config.with_name("output.txt"), "a", encoding="utf-8") as output:
            code, cut = self._train(arguments, trial, output)
        if self._stopped:
            return
        result = {
            **trial._asdict(), "config": str(trial.config), "run": str(trial.run), "sizes": trial.sizes._asdict(),
            "cut": self._minutes if cut else 0, "failed": 0 if cut else code, "evaluations": _evaluations(trial.run),
        }  # fmt: skip
        self._results.add(result)
        best = max((each["bleu"] for each in result["evaluations"]), default=0.0)
        note = ", stopped at --minutes" if cut else f", failed with code {code}" if code else ""
        print(f"{trial.title}: BLEU {best:.2f}{note}", flush=True)
        if not (self._keep or cut):
            for name in ("last", "best", "model"):
                shutil.rmtree(trial.run / name, ignore_errors=True)

    def _train(self, arguments: list[str], trial: Trial, output) -> tuple[int, bool]:
        """The exit code, and whether the time was over before the training was."""
        environment = os.environ | {"OMP_NUM_THREADS": str(self._threads)}
        process = subprocess.Popen(
            [sys.executable, "-m", "nmt", *arguments], cwd=ROOT, stdout=output, stderr=output, env=environment
        )
        self._running.add(process)
        try:
            return process.wait(max(1.0, 60 * (self._minutes - _minutes(trial.run)))), False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # saves the run first
            return process.wait(), True
        finally:
            self._running.discard(process)


def _evaluations(run: Path) -> list[dict[str, float]]:
    log = run / "log.jsonl"
    if not log.exists():
        return []
    return [
        {"step": each.step, "minutes": round(each.minutes, 3), "loss": each.loss, "bleu": each.bleu, "chrf": each.chrf}
        for each in read_log(log).evaluations
    ]


def _minutes(run: Path) -> float:
    """Minutes that the run has trained."""
    log = run / "log.jsonl"
    progress = read_log(log).progress if log.exists() else []
    return progress[-1].minutes if progress else 0.0
