"""A model's engine and its tokenizers: lines in, lines out, in order.

    Translator.load("runs/x").translate(["Guten Morgen!"])

Lines are read some way ahead, sorted by length into batches of about equal cost, translated, and put back in order.
What is read ahead, a window, is also what a worker process gets at once: no number of processes changes a batch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice, starmap
from pathlib import Path
from typing import Any

from nmt import bundle, files
from nmt.bundle import BundleConfig, Description
from nmt.config import SearchConfig, check
from nmt.config.sources import SourcesConfig
from nmt.data.masking import Masked, Masker, masker_of, restore
from nmt.data.tokenizer import Tokenizers
from nmt.decoding import unknown
from nmt.decoding.engine import Engine, Found, HeadChoice, Origin, open_engine
from nmt.decoding.explanation import Explanation, explain
from nmt.decoding.guard import Guarded, guarded
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.joining import join, texts, tokens
from nmt.decoding.limits import most_pieces
from nmt.decoding.marks import Marks
from nmt.decoding.mbr import choose
from nmt.decoding.rerank import Candidates, Reranker, check_weight, is_reverse, reranked
from nmt.decoding.spans import find, most_faithful, restored
from nmt.decoding.splitting import Part, Splitting
from nmt.decoding.translation import Score, Translation
from nmt.decoding.windows import Item, windows
from nmt.errors import ConfigError
from nmt.ids import UNK

Method = Callable[["Translator", list[Item]], list]


class Translator:
    """Translates text with one model and scores given translations."""

    def __init__(
        self, engine: Engine, tokenizers: Tokenizers, search: SearchConfig, *,
        splitting: Splitting = Splitting(), masker: Masker = Masker(), tag: str | None = None, tagged: bool = False,
        rerankers: Sequence[Reranker] = (), origin: Origin | None = None,
    ):  # fmt: skip
        """`search` and `tag`, which is put before each source, apply to every call that does not override them.

        `splitting` has the languages and the training sources, by which lines are split, and `masker` finds the spans
        to protect. `tagged` means that the model never saw a source without a tag, and `origin` is what all this was
        loaded from. Raises ConfigError for a tag that the model does not know.
        """
        self.engine, self.tokenizers, self.search, self.tag, self.tagged = engine, tokenizers, search, tag, tagged
        self.rerankers, self.origin, self.version = rerankers, origin, origin and origin.version()
        self.splitting, self.masker = splitting, masker
        tokenizers.source.prefix(tag)

    @classmethod
    def load(
        cls, path: str | Path | Iterable[str | Path], *, rerank: Mapping[str | Path, float] | None = None,
        device: str = "auto", precision: str = "auto", threads: int | None = None, tag: str | None = None,
        **overrides: Any,
    ) -> "Translator":  # fmt: skip
        """From a run folder, a bundle or an exported model. `overrides` replace settings of its search (SearchConfig).

        Several paths are an ensemble (see ensemble.py), with the search of the first. `rerank` names models that choose
        among the n_best hypotheses, with their weights (see rerank.py). `tag` is put before each source: one of those
        that the model was trained with, say for the target language. `precision` is float32, bfloat16, or auto:
        bfloat16 where the device computes in it, which is faster and leaves about two digits of a log-probability.
        `threads` are those of the CPU; None lets the engine choose. Raises CheckpointError for a bundle, ConfigError
        for tag, overrides and models that do not go together, NMTError for the device.
        """
        paths = files.paths(path)
        if not paths:
            raise ConfigError("which model?", hint="give one, or several as an ensemble")
        choosing = tuple((Path(each), weight) for each, weight in (rerank or {}).items())
        origin = Origin(tuple(map(Path, paths)), choosing, precision)
        where = {"device": device, "precision": precision, "threads": threads}
        load = partial(cls._load, origin, overrides, where, tag)
        for each in origin.paths:
            load = partial(bundle.unchanged, each, load)
        return load()

    @classmethod
    def _load(
        cls, origin: Origin, overrides: dict[str, Any], where: dict[str, Any], tag: str | None
    ) -> "Translator":
        described = [bundle.read(path) for path in origin.paths]
        search, tokenizers = _override(described[0].config.search, overrides), described[0].tokenizers
        tokenizers.source.prefix(tag)  # a wrong one is told before the weights are read
        rerankers = [cls._reranker(described[0], *each, where) for each in origin.rerank]
        engine, tagged = open_engine(*described, **where), any(each.card["tagged"] for each in described)
        configs = [each.config for each in described]
        more = {"tag": tag, "tagged": tagged, "rerankers": rerankers, "origin": origin}
        more |= {"splitting": splitting_of(configs), "masker": masker_of(configs[0].tokenizer)}
        return cls(engine, tokenizers, search, **more)

    @classmethod
    def _reranker(cls, first: Description, path: Path, weight: float, where: dict[str, Any]) -> Reranker:
        check_weight(str(path), weight)
        both = ((each.config.source_language, each.config.target_language) for each in (first, bundle.read(path)))
        reverse = is_reverse(*both, name=str(path))
        return Reranker(cls.load(path, **where), weight, reverse)

    def translate(self, lines: Sequence[str], *, tag: str | None = None, **overrides: Any) -> list[str]:
        """The best translation of each line. Raises ConfigError for the tag or the overrides."""
        return [each.text for each in self.translations(lines, details=False, tag=tag, **overrides)]

    def translations(
        self, lines: Iterable[str], *, attention: bool = False, heads: HeadChoice = HeadChoice(), details: bool = True,
        workers: int | None = 1, tag: str | None = None, **overrides: Any,
    ) -> Iterator[Translation]:  # fmt: skip
        """The same with all that is known about it, line by line, reading a window ahead (see windows.py).

        A line of several sentences may be translated in parts, each with the tag, as search.split says (see
        splitting.py); so is one that is longer than the model takes. Its n-th hypothesis joins the n-th of each part.
        `heads` says whose attention to the source is wanted: without it that is the mean of all.
        Without `details` there is one hypothesis unless `overrides` ask for more, and the tokens' log-probabilities may
        be left out, where finding them costs another pass. With search.mbr or rerankers the hypotheses come in the
        order of these, and what is chosen is chosen part by part.
        With several `workers`, which share the threads, each translates a window at a time. None chooses: on a CPU as
        many as pay, at most one a thread, elsewhere one. Raises ConfigError for the tag or the overrides.
        """
        if isinstance(lines, str):
            raise TypeError("lines is a sequence of strings, not one string")
        search = _override(self.search, overrides)
        self.check_search(search, attention=attention)
        if search.replace_unknown:
            unknown.check(self.engine)
        if not self.chooses(search) and not details and "n_best" not in overrides:
            search = search.model_copy(update={"n_best": 1})
        tag = self.tag if tag is None else tag
        self.prefix(tag)  # a wrong one is told at once
        attention = attention or search.replace_unknown
        how = {"attention": heads if attention else None, "details": details, "tag": tag}
        return self._each(partial(Translator._translate, search=search, **how), lines, workers)

    @property
    def missing_tags(self) -> tuple[str, ...]:
        """The tags to choose from where each source needs one and has none: the model translates it, but badly."""
        return tuple(self.tokenizers.source.tags) if self.tagged and self.tag is None else ()

    @property
    def rerankers_missing_tags(self) -> dict[str, tuple[str, ...]]:
        """Likewise of the rerankers: those that read the target, and those that do not know the source's tag."""
        untold = (
            each.translator for each in self.rerankers
            if each.reverse or self.tag not in each.translator.tokenizers.source.tags
        )  # fmt: skip
        return {str(each.origin): each.missing_tags for each in untold if each.missing_tags}

    def chooses(self, search: SearchConfig) -> bool:
        """Whether anything but the search decides which hypothesis is best."""
        return search.mbr != "none" or bool(self.rerankers)

    def check_search(self, search: SearchConfig | None = None, *, attention: bool = False) -> None:
        """Raises ConfigError where there is nothing to choose from, or two to choose, or attention to what is chosen;
        `search` is by default the translator's own."""
        search = search or self.search
        if attention and search.replace_unknown:
            raise ConfigError(
                "attention belongs to the text before replace_unknown changes it", hint="ask for one of the two"
            )
        if not self.chooses(search):
            return
        if self.rerankers and search.mbr != "none":
            raise ConfigError("mbr and reranking choose by different measures", hint="take one of the two")
        if search.n_best == 1:
            raise ConfigError("rerank: there is one hypothesis to choose from", hint="raise n_best, say to the beam")
        if attention or search.replace_unknown:
            raise ConfigError(
                "attention is that of what the search finds best, and something else is chosen here",
                hint="search without mbr and rerank, or force the translation with `nmt attend --target`",
            )

    def score(self, pairs: Iterable[tuple[str, str]], *, tag: str | None = None) -> list[Score]:
        """The log-probability of each (source, target) pair. Raises ConfigError for the tag."""
        return list(self.scores(pairs, tag=tag))

    def scores(
        self, pairs: Iterable[tuple[str, str]], *, workers: int | None = 1, tag: str | None = None
    ) -> Iterator[Score]:
        """The same pair by pair, reading a window ahead; `workers` as for `translations`."""
        return self._each(partial(Translator._score, prefix=self.prefix(tag)), pairs, workers)

    def prefix(self, tag: str | None = None) -> list[int]:
        """The ids before each source: of this tag, else of the translator's own, if any. Raises ConfigError."""
        return self.tokenizers.source.prefix(self.tag if tag is None else tag)

    def explain(
        self, source: str, target: str | None = None, *, tag: str | None = None, **overrides: Any
    ) -> Explanation:
        """All of the model's attention while it translates `source`, or reads the `target` that is given.

        Raises DataError for an empty source and for a side that is longer than the model takes, ConfigError for the tag
        and the overrides, and NMTError for an exported model.
        """
        search, prefix = _override(self.search, overrides), self.prefix(tag)
        if target is None and self.chooses(search):
            (target,) = self.translate([source], tag=tag, **overrides)
        how = {"prefix": prefix, "masker": self.masker}
        return explain(self.engine, self.tokenizers, search, source=source, target=target, **how)

    def encode_pairs(self, pairs: Iterable[tuple[str, str]], prefix: Sequence[int]) -> tuple[list, list]:
        """Ids of given (source, target) pairs with their protected spans masked; `prefix` begins each source."""
        masked = list(starmap(self.masker.mask_given, pairs))
        sources = self.tokenizers.source.encode([source.text for source, _ in masked])
        targets = self.tokenizers.target.encode([target.text for _, target in masked])
        return [[*prefix, *ids] for ids in sources], targets

    def _each(self, method: Method, items: Iterable[Item], workers: int | None) -> Iterator:
        """`method` on each window of the items."""
        yield from chain.from_iterable(self.engine.each(method, self, windows(items), workers=workers))

    def _translate(
        self, lines: list[str], *, search: SearchConfig, attention: HeadChoice | None, details: bool, tag: str | None
    ) -> list[Translation]:
        masked = [self.masker.mask(line) for line in lines]
        prefix = self.prefix(tag)
        sources = self._split([each.text for each in masked], prefix, search.split)
        parts = [[*prefix, *part.pieces] for source in sources for part in source]
        read = list(chain.from_iterable(map(self._part_texts, masked, sources)))

        def found_for(numbers: Sequence[int], search: SearchConfig) -> list[Found]:
            some = [parts[n] for n in numbers]
            found = find(self.engine, self.tokenizers, some, search, attention=attention, details=details)
            if not self.chooses(search):
                return found
            chosen = self._chosen([read[n] for n in numbers], [each.hypotheses for each in found], search, tag)
            return [Found(most_faithful(self.tokenizers, *each), None) for each in zip(some, chosen, strict=True)]

        found = guarded(found_for, [each.text for each in read], search, partial(texts, self.tokenizers.target))
        marks = iter(self._marks(parts, found, search))
        following = iter(found.found)
        found_of = [list(islice(following, len(source))) for source in sources]
        how = {
            "prefix": prefix, "language": self.splitting.target_language,
            "length_penalty": None if self.chooses(search) else search.length_penalty,
        }  # fmt: skip
        lines_masked = [each.text for each in masked]
        joined = [join(*each, self.tokenizers, **how) for each in zip(lines_masked, sources, found_of, strict=True)]
        marked = (each._replace(marks=Marks.of(islice(marks, each.parts))) for each in joined)
        result = list(map(restored, marked, lines, masked))
        (name,) = self.tokenizers.target.pieces([UNK])
        return [unknown.replaced(each, name) for each in result] if search.replace_unknown else result

    def _marks(self, parts: list[list[int]], guarded: Guarded, search: SearchConfig) -> Iterator[Marks]:
        for number, (ids, found) in enumerate(zip(parts, guarded.found, strict=True)):
            limit = most_pieces(len(ids), search, self.engine.max_length)
            yield Marks(number in guarded.searched_again, number in guarded.loop, len(found.hypotheses[0].ids) >= limit)

    def _split(self, lines: list[str], prefix: list[int], mode: str) -> list[list[Part]]:
        """The parts of each line that the model translates: none for a blank line, nearly always one."""
        encode, limit = self.tokenizers.source.encode, max(1, self.engine.max_length - 1 - len(prefix))
        split = partial(self.splitting.split, encode=encode, mode=mode, limit=limit, prefix=len(prefix))
        return [split(*each) for each in zip(lines, encode([line.strip() for line in lines]), strict=True)]

    def _part_texts(self, line: Masked, parts: list[Part]) -> list[Masked]:
        """The text of each part; of a word that was cut, the text of its pieces."""
        decode = self.tokenizers.source.decode
        texts = (decode([part.pieces])[0] if part.inner else part.text for part in parts)
        return [Masked(text, line.spans) for text in texts]

    def _chosen(
        self, sources: list[Masked], found: list[list[Hypothesis]], search: SearchConfig, tag: str | None
    ) -> list[list[Hypothesis]]:
        """The hypotheses of each source in the order of search.mbr or of the rerankers."""
        candidates = [
            Candidates(
                restore(*source), hypotheses,
                [restore(text, source.spans) for text in texts(self.tokenizers.target, hypotheses)],
            )
            for source, hypotheses in zip(sources, found, strict=True)
        ]  # fmt: skip
        if self.rerankers:
            return reranked(candidates, self.rerankers, length_penalty=search.length_penalty, tag=tag)
        by = partial(choose, utility=search.mbr, sampled=search.sample)
        return [by(each.hypotheses, each.texts) for each in candidates]

    def _score(self, pairs: list[tuple[str, str]], *, prefix: list[int]) -> list[Score]:
        sources, targets = self.encode_pairs(pairs, prefix)
        lengths = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        fitting = [number for number, length in enumerate(lengths) if length < self.engine.max_length]
        some = ([side[number] for number in fitting] for side in (sources, targets))
        logs = self.engine.score(*some, batch_tokens=self.search.batch_tokens)
        scores = [Score(float("nan"), [], [])] * len(pairs)
        for number, each in zip(fitting, logs, strict=True):
            scores[number] = Score(sum(each), tokens(self.tokenizers.target, targets[number]), each)
        return scores


def _override(search: SearchConfig, overrides: dict[str, Any]) -> SearchConfig:
    """The search with other settings; what belongs to those that are given up is given up with them."""
    changed = search.model_dump()
    if overrides.get("sample") is False:
        usual = SearchConfig()
        changed |= {name: getattr(usual, name) for name in ("temperature", "top_k", "top_p")}
    changed |= overrides
    if "n_best" not in overrides and not changed["sample"] and isinstance(changed["beam"], int):
        # A smaller beam takes the config's n_best along; one of 0 shall be blamed itself.
        changed["n_best"] = min(changed["n_best"], max(1, changed["beam"]))
    if "mbr" not in overrides and changed["n_best"] == 1:
        changed["mbr"] = "none"
    return check(SearchConfig, changed, name="search")


def splitting_of(configs: Sequence[BundleConfig]) -> Splitting:
    """How a model, or an ensemble, splits lines: as the member does whose training sources were shortest."""
    first, sources = configs[0], [each.sources for each in configs]
    shortest = SourcesConfig(
        length=min(each.length for each in sources), several=min(each.several for each in sources)
    )
    return Splitting(first.source_language, first.target_language, shortest)
