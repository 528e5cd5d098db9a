"""What is written comes back from the disk, as ids and, with sampling, as text that is segmented anew."""

import multiprocessing
from itertools import accumulate, chain, islice

import numpy as np
import pytest
from toy_text import sentences

from nmt.config import TokenizerConfig
from nmt.data.ahead import drawing
from nmt.data.batching import endless_updates, updates
from nmt.data.corpus import Sampling, id_kind, open_corpus, ragged, writing
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.errors import CheckpointError

ROWS = [[[5, 6], [], [70_000 % 300]], [[7], [8, 9, 10], []]]
LINES = [["ab", "", "ü\0\u2028"], ["c", "def", ""]]


def write(folder, sizes=(400, 400), **options):
    with writing(folder, sizes, **options) as append:
        for part in (slice(0, 2), slice(0, 0), slice(2, 3)):
            append(columns([side[part] for side in ROWS], [side[part] for side in LINES], sizes, **options))


def columns(rows, lines, sizes, *, with_texts):
    ids = [ragged(side, id_kind(size)) for side, size in zip(rows, sizes, strict=True)]
    return ids + [ragged([line.encode() for line in side], np.uint8) for side in lines if with_texts]


@pytest.mark.parametrize(("sizes", "kinds"), [((400, 65_536), (2, 2)), ((65_537, 400), (4, 2))])
def test_written_and_mapped(tmp_path, sizes, kinds):
    write(tmp_path, sizes, with_texts=False)
    corpus = open_corpus(tmp_path)
    assert len(corpus) == 3
    assert [corpus.source(row).tolist() for row in range(3)] == ROWS[0]
    assert [corpus.target(row).tolist() for row in range(3)] == ROWS[1]
    assert corpus.lengths.tolist() == [[2, 1], [0, 3], [1, 0]]
    assert tuple(side.values.dtype.itemsize for side in corpus.ids) == kinds
    assert all(isinstance(side.values, np.memmap) for side in corpus.ids)


def test_damage_is_noticed(tmp_path):
    write(tmp_path, with_texts=False)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        flipped = bytes([*content[:-3], content[-3] ^ 1, *content[-2:]])
        for harmed in (b"", content[:-2], content[:50], flipped):
            path.write_bytes(harmed)
            with pytest.raises(CheckpointError):
                open_corpus(tmp_path)
        path.unlink()
        with pytest.raises(CheckpointError):
            open_corpus(tmp_path)
        path.write_bytes(content)
    assert len(open_corpus(tmp_path)) == 3


@pytest.fixture(scope="module", params=["bpe", "unigram"])
def sampled(request, tmp_path_factory):
    """A corpus with sampling, and its text."""
    folder = tmp_path_factory.mktemp("corpus")
    pairs = sentences(200)
    sides = list(zip(*pairs, strict=True))
    config = TokenizerConfig(kind=request.param, vocabulary=292, spare=0)
    tokenizers = Tokenizers(*(train_tokenizer(side, config) for side in sides))
    sizes = [each.size for each in tokenizers]
    with writing(folder, sizes, with_texts=True) as append:
        rows = [each.encode(side) for each, side in zip(tokenizers, sides, strict=True)]
        append(columns(rows, sides, sizes, with_texts=True))
    longest = int(open_corpus(folder).lengths.max())
    return open_corpus(folder, sampling=Sampling(tokenizers, 0.1, longest + 3)), pairs


def test_a_segmentation_is_drawn_by_the_seed_and_spells_the_same_text(sampled):
    corpus, pairs = sampled
    rows = np.array([5, 3, *range(100, 160)])
    drawn = corpus.segment(rows, seed=1)
    source, target = corpus.sampling.tokenizers
    for index, row in enumerate(rows):
        assert (*source.decode([drawn.source(index)]), *target.decode([drawn.target(index)])) == pairs[row]
    again, other = corpus.segment(rows, seed=1), corpus.segment(rows, seed=2)
    assert np.array_equal(drawn.ids[0].values, again.ids[0].values)
    assert not np.array_equal(drawn.ids[0].values, other.ids[0].values)


def test_no_draw_is_longer_than_the_model_takes(sampled):
    corpus, _ = sampled
    rows = np.arange(len(corpus))
    tight = corpus.sampling._replace(alpha=0.1, max_length=int(corpus.lengths.max()) + 1)
    corpus.sampling, wide = tight, corpus.sampling
    try:
        drawn = corpus.segment(rows, seed=1).lengths
    finally:
        corpus.sampling = wide
    assert drawn.max() < tight.max_length
    assert (drawn != corpus.lengths).any()


def test_updates_of_a_sampled_corpus(sampled):
    corpus, pairs = sampled
    settings = {"batch_tokens": 300, "accumulate": 2, "pool": 64, "seed": 1}

    def texts(**others):
        batches = [batch for update in updates(corpus, **settings, **others) for batch in update]
        assert all(len(batch.src) * max(batch.src.shape[1], batch.tgt_in.shape[1]) <= 300 for batch in batches)
        return [batch.src.tolist() for batch in batches]

    source = corpus.sampling.tokenizers.source
    first = texts(epoch=1)
    assert first == texts(epoch=1) and first != texts(epoch=2)
    assert sorted(source.decode([row for batch in first for row in batch])) == sorted(pair[0] for pair in pairs)
    assert texts(epoch=1, skip=3) == first[6:]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_drawn_ahead_is_what_is_drawn_when_asked(sampled, workers):
    """Over three passes, and from the middle of one."""
    corpus, _ = sampled
    settings = {"batch_tokens": 300, "accumulate": 2, "pool": 64, "seed": 1}
    one_by_one = [updates(corpus, **settings, epoch=epoch) for epoch in (4, 5, 6)]
    expected = [values(update) for update in chain.from_iterable(one_by_one)]
    with drawing(corpus.sampling.tokenizers, corpus.sampling.alpha, workers=workers) as draw:
        drawn = endless_updates(corpus, **settings, epoch=4, skip=3, draw=draw)
        found = list(islice(drawn, len(expected) - 3))
        drawn.close()
    assert [values(update) for update, _ in found] == expected[3:]
    ends = [number for number, (_, last) in enumerate(found, start=4) if last]
    assert ends == list(accumulate(len(list(updates(corpus, **settings, epoch=epoch))) for epoch in (4, 5, 6)))
    assert multiprocessing.active_children() == []


def values(update):
    return [[side.tolist() for side in batch] for batch in update]
