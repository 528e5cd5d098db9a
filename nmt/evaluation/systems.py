"""What is compared: a model that translates now, or translations that were made elsewhere."""

import time
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from nmt import bundle
from nmt.bundle import Description
from nmt.config import SearchConfig
from nmt.decoding.engine import Engine
from nmt.decoding.marks import MarkCount
from nmt.decoding.rerank import Reranker
from nmt.decoding.translation import SplitCount
from nmt.decoding.translator import Translator
from nmt.errors import ConfigError
from nmt.evaluation import testset
from nmt.evaluation.testset import TestSet
from nmt.version import __version__


class Model(NamedTuple):
    """What a system's translations cost, and what names it for good."""

    parameters: int
    """Of all that translate or choose."""
    training_minutes: float
    """Evaluations included."""
    training_tokens: int
    """Target pieces that it was trained on, counted as often as they came."""
    decoding_seconds: float
    """Of the whole test set, the start of worker processes included."""
    split: SplitCount
    """Lines that were translated in parts."""
    marks: MarkCount
    """Lines that were searched again, that loop, and that hit the length limit."""
    language: str
    """Code of the target language."""
    tag: str | None
    """Put before each source."""
    missing_tags: tuple[str, ...]
    """Those to choose from where each source needs one and had none."""
    rerankers_missing_tags: dict[str, tuple[str, ...]]
    """Likewise of each reranker that had none."""
    idle: tuple[str, ...]
    """Settings of the search that were asked for and have no effect."""
    signature: str


class System(NamedTuple):
    """A name and its translations of the test set."""

    name: str
    hypotheses: list[str]
    model: Model | None = None
    """None when the translations came from a file."""


class Ready(NamedTuple):
    """A model that can begin."""

    name: str
    bundles: list[Description]
    """Several of an ensemble."""
    rerankers: list[Description]
    translator: Translator
    idle: tuple[str, ...]


def read(path: Path, test: TestSet) -> System:
    """Translations from a file, as many as the test set has lines, else DataError."""
    return System(str(path), testset.read(path, test))


def load(
    paths: Sequence[Path], name: str, *, where: dict[str, Any], search: dict[str, Any],
    rerank: Mapping[str | Path, float] | None = None,
) -> Ready:  # fmt: skip
    """The model of a run folder, bundle or export, or an ensemble; `search` replaces settings of its search.

    `where` are the device, precision and threads of Translator.load, and `rerank` is its. Raises CheckpointError for
    the model and ConfigError for the search.
    """
    translator = Translator.load(paths, rerank=rerank, **where, **search)
    translator.check_search()
    if search.get("n_best", 1) != 1 and not translator.chooses(translator.search):
        raise ConfigError("n_best: one translation a line is scored", hint="choose among them by mbr or rerank")
    bundles, rerankers = ([bundle.read(path) for path in some] for some in (paths, rerank or ()))
    return Ready(name, bundles, rerankers, translator, tuple(translator.search.idle_of(search)))


def check_directions(ready: Sequence[Ready], test: TestSet) -> None:
    """Raise ConfigError for a model that translates back what the others do, or what the config of the test set says.

    Other languages may be other names of the same ones.
    """
    known = [(each.bundles[0].config.source_language, each.bundles[0].config.target_language) for each in ready]
    for each, languages in zip(ready, known, strict=True):
        wanted = test.languages or known[0]
        one_way = languages[0] != languages[1] and not any("+" in each for each in languages)
        if one_way and languages[::-1] == wanted:
            raise ConfigError(
                f"{each.name} translates {'-'.join(languages)}, and the test set is {'-'.join(wanted)}",
                hint="score each direction by itself",
            )


def choose_tag(ready: Sequence[Ready], *, asked: str | None, test: TestSet) -> None:
    """Let the models put the tag that is asked for before each source, else that of the test set; a model without tags
    takes sources as they are.

    Raises ConfigError where a model has other tags, or where a tag is asked for and no model has any.
    """
    tag = test.tag if asked is None else asked
    knowing = [each for each in ready if each.bundles[0].tokenizers.source.tags]
    for each in knowing or (ready if asked is not None else ()):
        each.translator.prefix(tag)
    for each in knowing:
        each.translator.tag = tag


def translate(ready: Ready, lines: Sequence[str], *, workers: int | None) -> System:
    """Let a model translate the test set; `workers` as in Translator.translations."""
    start = time.perf_counter()
    translations = list(ready.translator.translations(lines, details=False, workers=workers))
    seconds = time.perf_counter() - start
    cards = [each.card for each in (*ready.bundles, *ready.rerankers)]
    model = Model(
        parameters=sum(card["parameters"] for card in cards),
        training_minutes=sum(card["training"]["minutes"] for card in cards),
        training_tokens=sum(card["training"]["target_tokens"] for card in cards), decoding_seconds=seconds,
        split=reduce(SplitCount.plus, translations, SplitCount()),
        marks=reduce(MarkCount.plus, (each.marks for each in translations), MarkCount()),
        language=ready.bundles[0].config.target_language, tag=ready.translator.tag,
        missing_tags=ready.translator.missing_tags,
        rerankers_missing_tags=ready.translator.rerankers_missing_tags, idle=ready.idle, signature=_signature(ready),
    )  # fmt: skip
    return System(ready.name, [each.hypotheses[0].text for each in translations], model)  # without indentation


def names(paths: Sequence[Path]) -> list[str]:
    """The last parts of the paths where they say something and tell all apart, else the paths."""
    short = [path.resolve().name for path in paths]
    return short if len(set(short)) == len(short) and "model" not in short else [str(path) for path in paths]


def _signature(ready: Ready) -> str:
    """In sacreBLEU's form: what else the scores depend on. `config` names the settings of the training; of an ensemble
    all members are named, with a + between."""
    translator, models = ready.translator, [each.config for each in ready.bundles]
    engine = translator.engine
    facts = zip(*((each.model.type, each.seed, each.digest) for each in models), strict=True)
    types, seeds, digests = ("+".join(map(str, fact)) for fact in facts)
    order = "" if models[0].target_order == "left_to_right" else f"|order:{models[0].target_order}"
    tag = "" if translator.tag is None else f"|tag:{translator.tag}"
    how = _search(translator.search) + tag + _choice(ready)
    trained = f"seed:{seeds}|config:{digests}|nmt:{__version__}"
    return f"model:{types}{order}|{how}|engine:{engine.name}|precision:{engine.precision}|{trained}"


def _search(search: SearchConfig) -> str:
    if search.sample:
        how = f"sample:{search.seed}|temperature:{search.temperature:g}"
        how += "".join(f"|{name[-1]}:{value:g}" for name in ("top_k", "top_p") if (value := getattr(search, name)))
    else:
        how = f"beam:{search.beam}|alpha:{search.length_penalty:g}"
    usual = SearchConfig()
    lengths = ("min_length", "max_length", "max_length_factor", "max_length_extra", "split")
    unusual = [name for name in lengths if getattr(search, name) != getattr(usual, name)]
    how = "|".join([how, *(f"{name}:{getattr(search, name)}" for name in unusual)])
    how += f"|no_repeat_ngram:{search.no_repeat_ngram}" if search.no_repeat_ngram else ""
    return how if search.repetition_guard or search.sample else f"{how}|repetition_guard:off"


def _choice(ready: Ready) -> str:
    """What chooses among the hypotheses, if not the search: a measure, or other models with their weights."""
    translator = ready.translator
    if not translator.chooses(translator.search):
        return ""
    how = f"mbr:{translator.search.mbr}"
    if ready.rerankers:
        both = zip(translator.rerankers, ready.rerankers, strict=True)
        how = "rerank:" + "+".join(_reranker(*each, like=translator.engine) for each in both)
    return f"|{how}|candidates:{translator.search.n_best}"


def _reranker(reranker: Reranker, described: Description, *, like: Engine) -> str:
    """Its weight and what names it; its engine where that is another than the first's."""
    config, engine = described.config, reranker.translator.engine
    facts = {"seed": config.seed, "config": config.digest}
    if (engine.name, engine.precision) != (like.name, like.precision):
        facts |= {"engine": engine.name, "precision": engine.precision}
    named = ",".join(f"{name}={value}" for name, value in facts.items())
    return f"{reranker.weight:g}*{config.model.type}({named})"
