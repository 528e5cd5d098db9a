"""Models as aligners: of sentence pairs that are given, and of what they translate."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from nmt import bundle
from nmt.analysis.alignment import Links, Reading, Symmetry, links, of_translation, symmetrised
from nmt.analysis.attention import WITHOUT
from nmt.analysis.words import word_of_piece, words_of
from nmt.config.data import TargetOrder
from nmt.data.masking import moved
from nmt.decoding.engine import batches
from nmt.decoding.explanation import check_explains
from nmt.decoding.translation import Span, Translation
from nmt.decoding.translator import Translator
from nmt.decoding.windows import READ_AHEAD, windows
from nmt.errors import ConfigError, NMTError

Pair = tuple[str, str]


def shape(translator: Translator) -> tuple[int, int] | None:
    """Layers and heads of a model's attention to the source; None where it has none.

    Raises NMTError where the engine keeps its attention to itself.
    """
    check_explains(translator.engine)
    (maps,) = translator.engine.explain([[]], [[]])
    return None if maps.cross is None else maps.cross.shape[:2]


def required_shape(translator: Translator, purpose: str) -> tuple[int, int]:
    """The same; raises NMTError, with what it is wanted for, also where there is no such attention."""
    found = shape(translator)
    if found is None:
        raise NMTError(f"{translator.origin or 'this model'}: has no attention {purpose}", hint=WITHOUT)
    return found


def check(translator: Translator, reading: Reading | None) -> Reading:
    """A reading that a model offers; None is the usual one, the mean of all heads (docs/alignment.md).

    Raises NMTError for a model without attention and ConfigError for a layer or head that it lacks.
    """
    reading = reading or Reading()
    reading.heads.check(*required_shape(translator, "to align by"))
    return reading


def check_reverse(model: Path, reverse: Path) -> None:
    """Raises ConfigError unless a model translates back what another one does, perhaps among other directions."""
    sides = []
    for path in (model, reverse):
        config = bundle.read(path).config
        sides.append(({*config.source_language.split("+")}, {*config.target_language.split("+")}))
    if sides[0] != sides[1][::-1]:
        forward, back = ("-".join("+".join(sorted(side)) for side in both) for both in sides)
        raise ConfigError(
            f"{reverse} translates {back}, and the links are {forward}", hint="a reverse model translates the other way"
        )


def align(
    translator: Translator, pairs: Iterable[Pair], chosen: Sequence[Reading], *, workers: int | None = 1
) -> Iterator[list[Links] | None]:
    """The links of each (source, target) pair by each reading; None for one of which a side is longer than the model
    takes. `workers` as for Translator.scores."""
    method = partial(_align, chosen=chosen)
    return chain.from_iterable(translator.engine.each(method, translator, windows(pairs), workers=workers))


def _align(translator: Translator, pairs: list[Pair], chosen: Sequence[Reading]) -> list[list[Links] | None]:
    prefix = translator.prefix()
    ids = translator.encode_pairs(pairs, prefix)
    lengths = [(len(source), len(target)) for source, target in zip(*ids, strict=True)]
    fitting = [number for number, length in enumerate(lengths) if max(length) < translator.engine.max_length]
    found: list[list[Links] | None] = [None] * len(pairs)
    order = translator.engine.order
    for places in batches([lengths[number] for number in fitting], translator.search.batch_tokens):
        batch = [fitting[place] for place in places]
        maps = translator.engine.explain(*([side[number] for number in batch] for side in ids))
        for number, each in zip(batch, maps, strict=True):
            words = [
                word_of_piece(text, moved(tokenizer.offsets(masked.text), masked))
                for tokenizer, text, masked in zip(
                    translator.tokenizers, pairs[number], translator.masker.mask_given(*pairs[number]), strict=True
                )
            ]
            weights = each.cross[..., len(prefix) :]  # a tag is no word
            found[number] = [links(one.heads.of(weights), *words, one, order) for one in chosen]
    return found


def aligned(
    translations: Iterable[Translation], reading: Reading, *, reverse: tuple[Translator, Reading] | None,
    symmetry: Symmetry, order: TargetOrder = "left_to_right",
) -> Iterator[tuple[Translation, Links]]:  # fmt: skip
    """Each translation with its links: its own, or these and what a model of the other direction makes of the same two
    texts. `order` is that in which the model writes."""
    translations = iter(translations)
    while window := list(islice(translations, READ_AHEAD if reverse else 1)):
        own = [of_translation(each, reading, order) for each in window]
        if reverse:
            back = _backward(window, *reverse)
            own = [
                one if other is None else symmetrised(one, other, symmetry)
                for one, other in zip(own, back, strict=True)
            ]
        yield from zip(window, own, strict=True)


def _backward(translations: list[Translation], translator: Translator, reading: Reading) -> list[Links | None]:
    """Part by part; None for what the model does not take."""
    parts = [_parts(each) for each in translations]
    found = align(translator, [(target, source) for line in parts for (source, _), (target, _) in line], [reading])
    return [_moved(line, list(islice(found, len(line)))) for line in parts]


def _moved(parts: list[tuple], found: list[list[Links] | None]) -> Links | None:
    """The links of parts as those of their line."""
    if any(each is None for each in found):
        return None
    return {
        (source + of_source, target + of_target)
        for ((_, of_source), (_, of_target)), (backward,) in zip(parts, found, strict=True)
        for target, source in backward
    }


def _parts(translation: Translation) -> list[tuple[tuple[str, int], tuple[str, int]]]:
    """For each part of a line the text of both sides, with the number of its first word."""
    if translation.places is None:
        return []
    texts = translation.source, translation.hypotheses[0].text
    sides = zip(texts, translation.places, strict=True)
    cut = [[_cut(text, spans) for spans in places] for text, places in sides]
    return list(zip(*cut, strict=True))


def _cut(text: str, spans: list[Span]) -> tuple[str, int]:
    if not spans:
        return "", 0
    part = text[spans[0][0] : spans[-1][1]].lstrip()
    begin = spans[-1][1] - len(part)
    return part, len(words_of(text[:begin] + "x")) - 1  # x: the word that begins there, or goes on
