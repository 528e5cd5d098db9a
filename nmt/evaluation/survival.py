"""Survival: how often words that a model never saw come through its translations.

The test is made from development pairs: a name or number that both sides share is replaced by a new placeholder, URL,
e-mail address, number or name, and a kind survives where its translation spells it alike. Pairs without such a word get
placeholders, URLs and addresses before their final punctuation.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from nmt import bundle
from nmt import config as settings
from nmt.config import ParallelText
from nmt.data.augment import alike
from nmt.data.prepare import prepare
from nmt.data.text import read_pairs
from nmt.decoding.translator import Translator

MOST = 25
"""Lines per kind."""
SEED = 1

_END = re.compile(r"[\s.!?…。！？]*$")


class Probe(NamedTuple):
    """A source that holds a span of one kind."""

    kind: str
    source: str
    span: str


class Rate(NamedTuple):
    """How many of the probes of a kind survived."""

    kept: int
    of: int


def probes(pairs: Iterable[tuple[str, str]], *, most: int = MOST, seed: int = SEED) -> list[Probe]:
    """At most so many probes of each kind, from the first pairs that suit it."""
    random, found, spare = Random(seed), {kind: [] for kind in _SPANS}, []
    turns = list(_SPANS)
    for source, target in pairs:
        if all(len(each) == most for each in found.values()):
            break
        words = alike(source, target)
        if not words:
            spare += [source] if len(spare) < most * len(turns) and source.strip() else []
            continue
        kind = min(turns, key=lambda kind: len(found[kind]))
        span = _SPANS[kind](random)
        found[kind].append(Probe(kind, re.sub(rf"(?<!\w){re.escape(random.choice(words))}(?!\w)", span, source), span))
    for kind in ("placeholders", "urls", "emails"):
        while spare and len(found[kind]) < most:
            span = _SPANS[kind](random)
            found[kind].append(Probe(kind, _END.sub(rf" {span}\g<0>", spare.pop(0), count=1), span))
    return [probe for kind in turns for probe in found[kind]]


def measure(translate: Callable[[list[str]], Sequence[str]], asked: Sequence[Probe]) -> dict[str, Rate]:
    """The rate of each kind that has probes."""
    texts = translate([probe.source for probe in asked])
    of = Counter(probe.kind for probe in asked)
    kept = Counter(probe.kind for probe, text in zip(asked, texts, strict=True) if probe.span in text)
    return {kind: Rate(kept[kind], of[kind]) for kind in of}


def of_run(folder: Path, *, device: str = "auto") -> dict[str, Rate]:
    """Measure a finished run on its development text and write the rates into its model card."""
    config = settings.load(folder / "config.yaml")
    if isinstance(config.data.dev, ParallelText):
        pairs = read_pairs(config.data.dev)
    else:
        pairs = zip(*prepare(config).dev_text, strict=True)
    translator = Translator.load(folder, device=device, tag=config.data.dev.tag)
    rates = measure(translator.translate, probes(pairs))
    described = bundle.read(folder)
    plain = {kind: rate._asdict() for kind, rate in rates.items()}
    bundle.describe(described.folder, {**described.card, "survival": plain})
    return rates


def shown(rates: dict[str, Rate]) -> str:
    """The rates as one line."""
    return ", ".join(f"{kind} {rate.kept / rate.of:.0%} of {rate.of}" for kind, rate in rates.items())


def _syllables(random: Random, count: int) -> str:
    return "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(count))


def _placeholder(random: Random) -> str:
    return random.choice(["{%s}", "%%(%s)s", "${%s}", "{{%s}}"]) % _syllables(random, 3)


def _url(random: Random) -> str:
    return f"https://www.{_syllables(random, 3)}.com/{_syllables(random, 2)}?id={random.randint(10, 9999)}"


_SPANS: dict[str, Callable[[Random], str]] = {
    "placeholders": _placeholder,
    "urls": _url,
    "emails": lambda random: f"{_syllables(random, 2)}.{_syllables(random, 3)}@{_syllables(random, 3)}.org",
    "numbers": lambda random: str(random.randint(1000, 999_999)),
    "names": lambda random: _syllables(random, 3).capitalize() + random.choice("nrsl"),
}
"""The function that makes a new span of each kind."""
