"""Drawn segmentations: the same in every process, with the probabilities that the papers give."""

import math
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest

from nmt.config import TokenizerConfig
from nmt.data.segmentation import Sampler
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_training import train_tokenizer

TEXT = ["low lower lowest", "new newer newest", "wide wider widest", "slow slower slowest"] * 5
STRANGE = ["low 漢字 löw", "  two  blanks ", "a▁b", "", "😀😀 new", "<s> </s> <unk> <0x41>"]


def trained(kind: str, **settings) -> Tokenizer:
    return train_tokenizer(TEXT, TokenizerConfig(kind=kind, **{"vocabulary": 300, **settings}), shrink=True)


PROGRAM = """
from nmt.config import TokenizerConfig
from nmt.data.tokenizer_training import train_tokenizer
text = ["low lower lowest", "new newer newest", "wide wider widest"] * 5
for kind in ("bpe", "unigram"):
    tokenizer = train_tokenizer(text, TokenizerConfig(kind=kind, vocabulary=300), shrink=True)
    print(tokenizer.sample(text, alpha=0.3, seed=7))
"""


def test_a_seed_gives_the_same_segmentations_in_every_process():
    """SentencePiece's own draws do not: a run that was killed could not be resumed exactly."""
    runs = [subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout for _ in range(2)]
    assert runs[0] == runs[1] and len(set(runs[0].splitlines())) == 2


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize(("kind", "alpha"), [("bpe", 1e-12), ("unigram", 100.0)])
def test_without_chance_it_is_the_best_segmentation(kind, alpha, byte_fallback):
    vocabulary = 300 if byte_fallback else 40
    for normalisation in ("nmt_nfkc", "identity"):
        rule = {"target_normalisation": normalisation}
        tokenizer = trained(kind, byte_fallback=byte_fallback, vocabulary=vocabulary, **rule)
        text = [*TEXT[:4], *STRANGE]
        assert tokenizer.sample(text, alpha=alpha, seed=1) == tokenizer.encode(text)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_whatever_is_drawn_spells_the_text(kind):
    tokenizer = trained(kind)
    text = [*TEXT[:4], *STRANGE]
    for seed in range(20):
        drawn = tokenizer.sample(text, alpha=0.4, seed=seed)
        assert tokenizer.decode(drawn) == [tokenizer.normalise(line) for line in text]


def segmentations(word: str, pieces: dict[str, float]):
    """All ways to cut a word into known pieces, with the sum of their scores."""
    if not word:
        yield (), 0.0
    for end in range(1, len(word) + 1):
        if word[:end] in pieces:
            for rest, score in segmentations(word[end:], pieces):
                yield (word[:end], *rest), pieces[word[:end]] + score


def frequencies(tokenizer: Tokenizer, word: str, alpha: float, draws: int) -> Counter:
    drawn = tokenizer.sample([word] * draws, alpha=alpha, seed=1)
    return Counter(tuple(tokenizer.pieces(row)) for row in drawn)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_unigram_draws_have_the_probability_of_their_pieces_to_the_power_of_alpha(alpha):
    tokenizer = trained("unigram")
    ids = range(260, tokenizer.size)
    scores = dict(zip(tokenizer.pieces(ids), map(tokenizer._processor.get_score, ids), strict=True))
    weights = {way: math.exp(alpha * score) for way, score in segmentations("▁slowest", scores)}
    found = frequencies(tokenizer, "slowest", alpha, draws := 20_000)
    assert len(weights) > 3 and found.keys() <= weights.keys()
    for way, weight in weights.items():
        expected = weight / sum(weights.values())
        assert abs(found[way] / draws - expected) < 4 * math.sqrt(expected / draws) + 1e-3


def provilkov(symbols: tuple[str, ...], ranks: dict[str, int], alpha: float) -> Counter:
    """Algorithm 1 of BPE-dropout, by enumeration: segmentation -> its probability."""
    merges = [(ranks[a + b], at) for at, (a, b) in enumerate(pairwise(symbols)) if a + b in ranks]
    found = Counter()
    for place, (_, at) in enumerate(sorted(merges)):
        merged = (*symbols[:at], symbols[at] + symbols[at + 1], *symbols[at + 2 :])
        for way, share in provilkov(merged, ranks, alpha).items():
            found[way] += alpha**place * (1 - alpha) * share
    found[symbols] += alpha ** len(merges)
    return found


@pytest.mark.parametrize("alpha", [0.1, 0.4])
@pytest.mark.parametrize("word", ["lowest", "slower"])
def test_bpe_draws_have_the_probabilities_of_provilkov(word, alpha):
    """In these words one merge shuts out another, and one that was left out has its turn again after the next."""
    tokenizer = trained("bpe")
    ids = range(260, tokenizer.size)
    ranks = {piece: -tokenizer._processor.get_score(i) for i, piece in zip(ids, tokenizer.pieces(ids), strict=True)}
    expected = provilkov(("▁", *word), ranks, alpha)
    assert len(expected) > 8 and sum(expected.values()) == pytest.approx(1)
    found = frequencies(tokenizer, word, alpha, draws := 20_000)
    assert found.keys() <= expected.keys()
    for way, share in expected.items():
        assert abs(found[way] / draws - share) < 4 * math.sqrt(share / draws) + 1e-4


def test_tables_of_long_words_are_not_kept():
    """Text without blanks is one word a line, hardly ever seen again: its tables would fill the memory."""
    tokenizer = trained("unigram")
    line = "".join(TEXT[:4]).replace(" ", "")
    sampler = Sampler(tokenizer._processor, tokenizer.scores(), 0.3)
    assert tokenizer.decode(sampler.sample([line], seed=1)) == [line]
    assert sampler._kept_ends.cache_info().currsize == 0
    sampler.sample(["low newer", "newer low"], seed=1)
    assert sampler._kept_ends.cache_info()[:2] == (2, 2), "hits and misses"
