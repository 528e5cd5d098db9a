"""From a run to an exported model: a bundle with the other engine's files in the place of the weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nmt import bundle, checksums, files, locks, packages
from nmt import config as settings
from nmt.bundle import Description
from nmt.config import ParallelText
from nmt.config.export import obstacle
from nmt.data.masking import masker_of
from nmt.data.prepare import prepare
from nmt.data.text import read_pairs
from nmt.data.tokenizer import MODELS, TAGS
from nmt.decoding.engine import CTRANSLATE2_WEIGHTS, is_exported, open_engine
from nmt.decoding.target_order import in_order
from nmt.decoding.torch_engine import TorchEngine
from nmt.decoding.translator import Translator, splitting_of
from nmt.errors import CheckpointError, ConfigError, DataError
from nmt.export import ctranslate2
from nmt.export.agreement import Agreement, agreement

TOLERANCE = 1e-3
"""Largest difference between the engines' log-probabilities of a token in float32; about 1e-6 is usual. More means that
they compute different models, and no such export is kept. Of a coarser number format only its user can say whether what
it changes matters."""


def check_place(folder: Path, *, force: bool) -> None:
    """Raise ConfigError unless an exported model may be written to `folder`: new, or with `force` an older one."""
    files.check_not_here(folder)
    if not folder.exists():
        return
    if not (folder / CTRANSLATE2_WEIGHTS).is_file():
        raise ConfigError(f"{folder}: holds something else than an exported model", hint="name a new folder")
    if not force:
        raise ConfigError(f"{folder}: exists", hint="--force replaces it with all it holds, or name another folder")


class Exported(NamedTuple):
    """What came of it."""

    bytes: int
    precision: str
    """What CTranslate2 computed in for the comparison: not every processor has every format of weights."""
    agreement: Agreement


def check_model(model: str | Path) -> Description:
    """What a bundle says of itself. Raises ConfigError for a model that CTranslate2 cannot run, CheckpointError for one
    that was exported already."""
    described = bundle.read(model)
    if why := obstacle(described.config.model):
        raise ConfigError(f"{described.folder}: {why}", hint="with `export: ctranslate2` `nmt config` tells at once")
    if is_exported(described):
        raise CheckpointError(f"{described.folder}: was exported already", hint="export from the run")
    return described


def export(
    model: str | Path, folder: str | Path, *, lines: Sequence[str], quantization: str = "float32",
    threads: int | None = None, tag: str | None = None, force: bool = False,
) -> Exported:  # fmt: skip
    """Write a model for CTranslate2 to `folder`, once both engines have translated the lines, with `tag` before each
    where one is given.

    Raises ConfigError for a place where something is (but for an exported model with `force`), a tag that the model
    does not know and a model that CTranslate2 cannot run, DataError without lines, and CheckpointError where the
    engines disagree.
    """
    folder = Path(folder)
    check_place(folder, force=force)
    if not lines:
        raise DataError("there are no lines that both engines could translate", hint="give some with --input")
    described = check_model(model)
    described.tokenizers.source.prefix(tag)
    original = bundle.load(described.folder)
    with _claimed(folder, force=force) as inside:
        ctranslate2.write(inside, original, quantization=quantization)
        _accompany(inside, described)
        size = sum(each.stat().st_size for each in inside.iterdir())
        search = original.config.search
        engine = in_order(TorchEngine(original.model), original.config.target_order)
        how = {"splitting": splitting_of([original.config]), "tag": tag}
        how["masker"] = masker_of(original.config.tokenizer)
        ours = Translator(engine, original.tokenizers, search, **how)
        exported = open_engine(bundle.read(inside), device="cpu", threads=threads)
        found = agreement(ours, Translator(exported, original.tokenizers, search, **how), lines)
        if quantization == "float32" and not found.score_difference <= TOLERANCE:
            raise CheckpointError(
                f"{folder}: is not kept, for CTranslate2 computes another model than ours: log-probabilities of a "
                f"token differ by {found.score_difference:.2g}",
                hint="please report it, with the model's config and the version of CTranslate2",
            )
        _add_to_readme(inside / bundle.README, quantization, exported.precision, found)
    return Exported(size, exported.precision, found)


@contextmanager
def _claimed(folder: Path, *, force: bool) -> Iterator[Path]:
    """A fresh folder that takes its place, and what a crash left there undone."""
    with locks.claimed(folder, what="an export"):
        check_place(folder, force=force)
        with files.replacing_folder(folder) as inside:
            yield inside


def development_lines(run: str | Path, most: int) -> tuple[list[str], str | None]:
    """The source of a run's development text, at most so many lines, and its tag. Raises DataError where no run is."""
    run = Path(run)
    if bundle.locate(run) == run:
        raise DataError(f"{run}: a model bundle names no development text", hint="give --input")
    config = settings.load(run / "config.yaml")
    if isinstance(config.data.dev, ParallelText):
        return [source for source, _ in read_pairs(config.data.dev)][:most], config.data.dev.tag
    return prepare(config).dev_text.source[:most], config.data.dev.tag


def _accompany(inside: Path, original: Description) -> None:
    """What a bundle holds beside the weights, and the checksums."""
    for name in (*MODELS, TAGS, bundle.CONFIG):
        if (original.folder / name).exists():
            files.write_bytes(inside / name, (original.folder / name).read_bytes())
    _sum(inside)
    bundle.describe(inside, original.card)


def _sum(folder: Path) -> None:
    kept = (checksums.NAME, *bundle.DESCRIPTIONS)
    checksums.write(folder, sorted(each.name for each in folder.iterdir() if each.name not in kept))


def _add_to_readme(path: Path, quantization: str, precision: str, found: Agreement) -> None:
    page = path.read_text(encoding="utf-8")
    page += f"""
## This copy

Exported for CTranslate2, weights in {quantization}; it needs `{packages.install("ctranslate2")}`.
Of {found.lines:,} lines {found.greedy:,} come out as from the original with greedy search, and {found.beam:,} with the
config's. The engines' log-probabilities of one translation differ by up to {found.score_difference:.2g} nats a token.
CTranslate2 computed in {precision} for that.
"""
    files.write_text(path, page)
