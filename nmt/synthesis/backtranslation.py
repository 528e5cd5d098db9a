"""Back-translation (Sennrich, Haddow and Birch 2016): text in the target language becomes training pairs.

    x~ = translation of y by a model from target to source;   train on (x~, y)

The target side is what people wrote, so the model learns to write like them; only what it reads is synthetic. Drawn
translations, or draws among the ten likeliest pieces, are poorer and more varied, and from some amount of text on they
teach more than the best ones (Edunov 2018). A tag before the source tells the model which sentences are synthetic
(Caswell 2019).
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from nmt import files
from nmt.bundle import Description
from nmt.config import Config
from nmt.data.text import read_lines
from nmt.decoding.translation import Translation
from nmt.errors import ConfigError
from nmt.synthesis import journal
from nmt.synthesis.corpus import Form, Made, OnProgress, Text, claimed, whole, write
from nmt.synthesis.translating import Machine, check_files, check_tag, facts_of, load, read, translated, translates

_REVERSE = "back-translation takes a model from the target language to the source language: swap the two in its config"


def backtranslate(
    models: str | Path | Sequence[str | Path], inputs: str | Path | Sequence[str | Path], folder: str | Path, *,
    config: Config | None = None, packed: bool = False, resume: bool = False, force: bool = False,
    machine: Machine = Machine(), on_progress: OnProgress | None = None, **search: Any,
) -> Made:  # fmt: skip
    """Write a corpus to `folder` whose target is the text of the `inputs` and whose source a reverse model has written.

    `config` is that of the model which shall be trained with it; it must translate the other way. `search` are settings
    of the translation, such as beam, or sample and top_k, and the tag of a model that has several directions. Raises
    ConfigError when a direction is wrong, NMTError when there is a corpus already, whole or begun, and neither `force`
    nor `resume`, which goes on with what was begun, DataError for the text.
    """
    folder, inputs = Path(folder), files.paths(inputs)
    with claimed(folder, inputs, force=force, resume=resume):
        described = read(models)
        _check(described[0], inputs, config, search.get("tag"))
        if search.get("sample"):  # what is drawn, and no choice among draws
            search = {"n_best": 1, "mbr": "none", **search}
        translator = load(described, machine, search)
        text = Text((line, "") for line in chain.from_iterable(map(read_lines, inputs)))
        data = described[0].config if config is None else config.data
        languages = (data.source_language, data.target_language)
        form = Form("bt", languages[::-1] if config is None else languages, packed)
        facts = facts_of("backtranslation", described, translator)
        if resume and (made := whole(folder, form, text, facts, ())):
            return made
        with journal.opened(folder, facts, resume=resume) as known:
            made = translated(translator, text, _best, known=known, workers=machine.workers)
            pairs = (((found, line), None) if found else (None, reason) for (line, _), (found, reason) in made)
            return write(folder, pairs, form, text=text, facts=facts, held_out={}, on_progress=on_progress)


def _best(translation: Translation, _beside: str) -> str:
    return translation.text


def _check(described: Description, inputs: Sequence[Path], config: Config | None, tag: str | None) -> None:
    check_files(described, inputs, why=_REVERSE)
    if config is None:
        return
    wanted, found = (config.data.source_language, config.data.target_language), described.config
    if not translates(described, wanted[::-1]):
        raise ConfigError(
            f"{described.folder}: translates from {found.source_language} to {found.target_language}, and for a model "
            f"from {wanted[0]} to {wanted[1]} it must translate from {wanted[1]} to {wanted[0]}",
            hint=_REVERSE,
        )
    check_tag(described, tag, wanted[0], why=_REVERSE)
