"""Augmentation: changed copies of training pairs, after the modifiers of OpusTrainer (Nikolov 2023).

    upper   WAS IST PASSIERT?  ->  WHAT HAPPENED?        title   Was Ist Passiert?  ->  What Happened?
    lower   was ist passiert?  ->  What happened?        typos   Was isst passirt?  ->  What happened?
    spans   ① war in Boston.   ->  ① was in Boston.      symbols of protected spans, see masking.py

The copies are further parts of the corpus, from which every pass draws again (`Corpus.rows_of_pass`). One random stream
per text makes them, so they are the same for any number of processes.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from random import Random

from nmt.config import AugmentConfig, TokenizerConfig
from nmt.config.tokenizer import SYMBOLS
from nmt.data.masking import Masker, masker_of

Pair = tuple[str, str]
Change = Callable[[Pair, Masker, Random], Pair | None]
"""None: the pair has nothing to change."""

_COPIES = 4
"""Copies per copy that a pass draws: more variety takes more disk space."""
_TYPOS = 0.1
"""Share of the words that get a typing error, besides the first one."""
_WORD = re.compile(r"\w(?:[\w'.-]*\w)?")
_FIRST = re.compile(r"(?<!\S)\w")
_END = re.compile(r"[\s.!?…。！？]*$")


def shares_of(config: AugmentConfig | None, tokenizer: TokenizerConfig) -> dict[str, float]:
    """The kinds that have an effect with a tokenizer, with their shares."""
    if config is None:
        return {}
    folds_case = tokenizer.source_normalisation.endswith("_cf")
    idle = {"upper", "title", "lower"} if folds_case else set()
    idle |= set() if tokenizer.span_symbols else {"spans"}
    return {kind: share for kind, share in config.model_dump().items() if share and kind not in idle}


def kept_share(shares: dict[str, float]) -> float:
    """The share of the pairs that a corpus holds a copy of."""
    return min(1.0, _COPIES * sum(shares.values()))


def weight(shares: dict[str, float]) -> float:
    """How often a pass sees a copy that the corpus holds."""
    return sum(shares.values()) / kept_share(shares)


def copies(
    pairs: Iterable[Pair], shares: dict[str, float], tokenizer: TokenizerConfig, *, text: int
) -> Iterator[Pair]:
    """Copies of some of the pairs of a text, which the tokenizer's seed draws. `text` is its number."""
    random, masker = Random(f"augment {tokenizer.seed} {text}"), masker_of(tokenizer)
    kinds, weights, kept = list(shares), list(shares.values()), kept_share(shares)
    for pair in pairs:
        if random.random() < kept:
            (kind,) = random.choices(kinds, weights)
            if (changed := CHANGES[kind](pair, masker, random)) is not None:
                yield changed


def _both(case: Callable[[str], str]) -> Change:
    """Change the case of both sides, if both have letters to change."""

    def change(pair: Pair, masker: Masker, random: Random) -> Pair | None:
        source, target = (masker.outside(side, case) for side in pair)
        return None if source == pair[0] or target == pair[1] else (source, target)

    return change


def _title(text: str) -> str:
    return _FIRST.sub(lambda match: match.group().upper(), text)


def _lower(pair: Pair, masker: Masker, random: Random) -> Pair | None:
    source = masker.outside(pair[0], str.lower)
    return None if source == pair[0] else (source, pair[1])


def _typos(pair: Pair, masker: Masker, random: Random) -> Pair | None:
    source = masker.outside(pair[0], lambda text: _mistyped(text, random))
    return None if source == pair[0] else (source, pair[1])


def _mistyped(text: str, random: Random) -> str:
    """A text with errors in some words of four letters or more, in scripts that have case."""
    words = [match.span() for match in re.finditer(r"[^\W\d_]{4,}", text) if match.group().upper() != match.group()]
    if not words:
        return text
    chosen = random.sample(words, max(1, round(_TYPOS * len(words))))
    for begin, end in sorted(chosen, reverse=True):
        text = text[:begin] + _mistype(text[begin:end], random) + text[end:]
    return text


def _mistype(word: str, random: Random) -> str:
    """Two letters exchanged, one left out, one doubled or one wrong; the first stays."""
    place = random.randrange(1, len(word) - 1)
    before, letter, following, rest = word[:place], word[place], word[place + 1], word[place + 2 :]
    return random.choice([
        before + following + letter + rest, before + following + rest, before + letter + letter + following + rest,
        before + random.choice(word.lower()) + following + rest,
    ])  # fmt: skip


def _spans(pair: Pair, masker: Masker, random: Random) -> Pair | None:
    """Names and numbers that are alike on both sides as symbols; without any, symbols added to both sides."""
    words = alike(*pair)
    if not words:
        return _added(pair, random)
    chosen = random.sample(words, random.randint(1, min(3, len(words))))
    symbols = dict(zip(chosen, SYMBOLS, strict=False))
    return tuple(_WORD.sub(lambda match: symbols.get(match.group(), match.group()), side) for side in pair)


def alike(source: str, target: str) -> list[str]:
    """Names and numbers, that is words with a digit, or with a capital at the start and three letters or more, that
    occur exactly once on each side."""
    words, others = (Counter(_WORD.findall(side)) for side in (source, target))
    named = (word for word in words if (word[0].isupper() and len(word) > 2) or any(map(str.isdigit, word)))
    return [word for word in named if words[word] == others[word] == 1]


def _added(pair: Pair, random: Random) -> Pair:
    """A symbol at the start or end of both sides, two around them, or one alone."""
    one, two = SYMBOLS[:2]
    form = random.choice(["before", "within", "after", "around", "alone"])
    if form == "within":  # before the final punctuation
        return tuple(_END.sub(lambda match: f" {one}{match.group()}", side, count=1) for side in pair)
    added = {"before": f"{one} {{}}", "after": f"{{}} {one}", "around": f"{one}{{}}{two}", "alone": one}[form]
    return tuple(added.replace("{}", side) for side in pair)


CHANGES: dict[str, Change] = {
    "upper": _both(str.upper), "title": _both(_title), "lower": _lower, "typos": _typos, "spans": _spans,
}  # fmt: skip
"""The function that makes a copy, for each setting of AugmentConfig."""
