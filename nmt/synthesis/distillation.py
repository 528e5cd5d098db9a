"""Sequence-level knowledge distillation (Kim and Rush 2016): a student learns from a teacher's translations.

    y^ = argmax_y p_teacher(y | x), found by beam search;   train the student on (x, y^)              (3.2)
    y~ = argmax over the n best y of likeness(y, reference);   train the student on (x, y~)           (3.3)

A teacher's translations are simpler and more alike than people's, so that a small model, or one that decodes
greedily, learns them better. The second form, interpolation, stays near what people wrote.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from sacrebleu.metrics import BLEU, CHRF

from nmt import files
from nmt.bundle import Description
from nmt.config import Config, HeldOut, ParallelText
from nmt.config.search import BEST_ALONE
from nmt.data.splits import Pairs, training_pairs
from nmt.data.text import read_lines, read_pairs
from nmt.decoding.translator import Translation
from nmt.errors import ConfigError
from nmt.synthesis import journal
from nmt.synthesis.corpus import Form, Made, OnProgress, Text, claimed, whole, write
from nmt.synthesis.journal import Line
from nmt.synthesis.translating import Machine, check_files, check_tag, facts_of, load, read, translated, translates

Likeness = Literal["bleu", "chrf"]

_WAY = "a teacher translates in the direction of its student"


def distill(
    models: str | Path | Sequence[str | Path], folder: str | Path, *, config: Config | None = None,
    text: ParallelText | None = None, source: str | Path | Sequence[str | Path] = (),
    nearest: Likeness | None = None, packed: bool = False, resume: bool = False, force: bool = False,
    machine: Machine = Machine(), on_progress: OnProgress | None = None, **search: Any,
) -> Made:  # fmt: skip
    """Write a corpus to `folder` whose source is given and whose target a teacher (or an ensemble) has written.

    The source is the training text of a `config`, without what its cleaning drops and what it holds out; or a parallel
    `text`; or files of `source` alone. `nearest` takes, of the search's n_best (by default all of its beam), the
    translation most like the reference. What a config holds out is written too, so that no student is trained on it.
    The tag of a config's text is put before each source, where the teacher knows it and `search` names none.
    Raises ConfigError when a direction is wrong or there is no reference, NMTError when there is a corpus already,
    whole or begun, and neither `force` nor `resume`, which goes on with what was begun, DataError for the text.
    """
    folder, source = Path(folder), files.paths(source)
    with claimed(folder, [*source, *_files(config, text)], force=force, resume=resume):
        if (config is not None) + (text is not None) + bool(source) != 1:
            raise ConfigError("which text?", hint="give a config, or source and target, or the source alone")
        if nearest and source:
            raise ConfigError("nearest to which reference?", hint="give the target side of the text, or a config")
        described = read(models)
        _check(described[0], config, [*source, *(text.source if text else ())], search.get("tag"))
        if nearest and "n_best" not in search:
            search["n_best"] = search["beam"] if "beam" in search else described[0].config.search.beam
        translator = load(described, machine, {**BEST_ALONE, **search}, tag=config and config.data.texts[0].tag)
        several = {"n_best": translator.search.n_best} if nearest else {}
        if nearest and translator.search.n_best == 1:
            raise ConfigError("nearest: there is one translation to choose from", hint="raise n_best, or the beam")
        lines, held_out = _lines(config, text, source)
        lines = Text(lines)
        choose = _nearest(nearest) if nearest else _best
        teacher = described[0].config
        form = Form("distilled", (teacher.source_language, teacher.target_language), packed)
        facts = facts_of("distillation", described, translator, nearest=nearest)
        if resume and (made := whole(folder, form, lines, facts, held_out)):
            return made
        with journal.opened(folder, facts, resume=resume) as known:
            made = translated(translator, lines, choose, known=known, workers=machine.workers, **several)
            pairs = (((line, text), None) if text else (None, reason) for (line, _), (text, reason) in made)
            return write(folder, pairs, form, text=lines, facts=facts, held_out=held_out, on_progress=on_progress)


def _files(config: Config | None, text: ParallelText | None) -> Iterator[Path]:
    """Where the text is."""
    for each in [*([text] if text else []), *(config.data.texts if config else [])]:
        yield from each.files


def _check(described: Description, config: Config | None, paths: Sequence[Path], tag: str | None) -> None:
    """Whether the teacher's direction is that of the text."""
    check_files(described, paths, why=_WAY)
    teacher = described.config
    if config is None:
        return
    check_tag(described, tag, config.data.target_language, why=_WAY)
    if not translates(described, (config.data.source_language, config.data.target_language)):
        raise ConfigError(
            f"{described.folder}: translates from {teacher.source_language} to {teacher.target_language}, and the "
            f"config is from {config.data.source_language} to {config.data.target_language}",
            hint=_WAY,
        )


def _lines(
    config: Config | None, text: ParallelText | None, source: Sequence[Path]
) -> tuple[Iterable[Line], dict[str, Pairs]]:
    """Sources, each beside its reference, if there is any; and the texts that were held out of them."""
    if config is not None:
        for name in ("tag", "weight"):
            if len({getattr(text, name) for text in config.data.texts}) > 1:
                raise ConfigError(
                    f"data.train: its texts have different {name}s, and a corpus has one",
                    hint="distill them one by one: --source, --target" + " and --tag" * (name == "tag"),
                )
        pairs, texts = training_pairs(config)
        held_out = {name: each for name, each in texts.items() if isinstance(getattr(config.data, name), HeldOut)}
        return pairs, held_out
    if text is not None:
        return read_pairs(text), {}
    return ((line, "") for path in source for line in read_lines(path)), {}


def _best(translation: Translation, _reference: str) -> str:
    return translation.text


def _nearest(likeness: Likeness) -> Callable[[Translation, str], str]:
    """The hypothesis most like the reference; of several as like, the likeliest."""
    metric = BLEU(effective_order=True) if likeness == "bleu" else CHRF()

    def choose(translation: Translation, reference: str) -> str:
        texts = dict.fromkeys(each.text for each in translation.hypotheses)
        return max(texts, key=lambda text: metric.sentence_score(text, [reference]).score)

    return choose
