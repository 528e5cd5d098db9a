"""Protected spans in translations: hypotheses that keep them all come first, and the spans come back into the text."""

from collections import Counter
from collections.abc import Sequence

from nmt.config import SearchConfig
from nmt.data.masking import Masked, missing, moved, restore
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.decoding.engine import Engine, Found, HeadChoice
from nmt.decoding.hypothesis import LINE_BREAKS, Hypothesis
from nmt.decoding.translation import Places, Translation


def find(
    engine: Engine, tokenizers: Tokenizers, sources: Sequence[list[int]], search: SearchConfig, *,
    attention: HeadChoice | None, details: bool,
) -> list[Found]:  # fmt: skip
    """Search for translations of sources in ids. If a source has symbols, the whole beam is considered, and hypotheses
    that keep them come first. Samples stay in the order drawn."""
    symbols, found = tokenizers.source.span_symbols.keys(), {}
    marked = {number for number, ids in enumerate(sources) if not (search.sample or symbols.isdisjoint(ids))}
    usual = [number for number in range(len(sources)) if number not in marked]
    wide = search.model_copy(update={"n_best": search.beam})
    for numbers, how in ((usual, search), (sorted(marked), wide)):
        if numbers:
            some = [sources[number] for number in numbers]
            found |= zip(numbers, engine.search(some, how, attention=attention, details=details), strict=True)
    for number in marked:
        hypotheses, maps = found[number]
        best = most_faithful(tokenizers, sources[number], hypotheses)[: search.n_best]
        if maps is not None and best[0] is not hypotheses[0]:
            (each,) = engine.explain([sources[number]], [best[0].ids])
            maps = attention.of(each.cross)
        found[number] = Found(best, maps)
    return [found[number] for number in range(len(sources))]


def most_faithful(tokenizers: Tokenizers, source: Sequence[int], hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """The hypotheses that lack, repeat or invent the fewest symbols first, otherwise in their order."""
    wanted = _symbols(tokenizers.source, source)

    def faults(hypothesis: Hypothesis) -> int:
        written = _symbols(tokenizers.target, hypothesis.ids)
        return sum(((wanted - written) + (written - wanted)).values())

    return sorted(hypotheses, key=faults)


def _symbols(tokenizer: Tokenizer, ids: Sequence[int]) -> Counter[str]:
    return Counter(tokenizer.span_symbols[number] for number in ids if number in tokenizer.span_symbols)


def restored(translation: Translation, line: str, masked: Masked) -> Translation:
    """The translation of a masked line as that of the line itself."""
    if not masked.spans:
        return translation._replace(source=line)

    def text(written: str) -> str:
        return restore(written, masked.spans).translate(LINE_BREAKS)

    hypotheses = [each._replace(text=text(each.text)) for each in translation.hypotheses]
    places = translation.places
    if places is not None:
        written = Masked(translation.hypotheses[0].text, masked.spans)
        places = Places(
            [moved(part, masked) for part in places.source], [moved(part, written) for part in places.target]
        )
    return translation._replace(
        source=line, text=text(translation.text), hypotheses=hypotheses, places=places,
        lost=tuple(missing(translation.text, masked.spans)),
    )  # fmt: skip
