"""One word in several sentences."""

import pytest
import tiny_bundle

from nmt import Translator
from nmt.analysis.attention import Choice, attend, maps, merged
from nmt.analysis.contexts import compare
from nmt.errors import ConfigError, DataError

SENTENCES = [("A man at the ball.", "Ein Mann am Ball."), ("The (Ball) is round, a ball!", "Der Ball ist rund.")]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    translator = Translator.load(tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model"), device="cpu")
    return [attend(translator, *pair) for pair in SENTENCES]


def test_a_word_of_the_source(found):
    result = compare(found, "ball", Choice())
    assert (result.side, result.words, result.places, result.occurrences) == ("source", True, [4, 2], [1, 2])
    looks, looked_at = result.panels
    assert looks.title == "what “ball” looks at (encoder self-attention: one layer, mean of 2 heads)"
    assert looked_at.title == "how much the translation looks at “ball” (cross-attention: one layer, mean of 2 heads)"
    for each, place, row, column in zip(found, result.places, looks.bars, looked_at.bars, strict=True):
        kinds = merged(each).kinds
        ((encoder,),), ((cross,),) = maps(kinds["encoder"], Choice()), maps(kinds["cross"], Choice())
        assert row == list(zip(encoder.keys, encoder.weights[place], strict=True))
        assert column == list(zip(cross.queries, cross.weights[:, place], strict=True))
        assert encoder.keys[place].casefold() == "ball"


def test_a_word_of_the_translation(found):
    result = compare([found[0]], "Mann", Choice(layer=1, head=2))
    assert (result.side, result.places) == ("target", [1])
    written, read = result.panels
    kinds = merged(found[0]).kinds
    assert [weight for _, weight in written.bars[0]] == kinds["cross"].weights[0, 1, 1].tolist()
    # Where it is read, it comes after the begin mark.
    assert kinds["decoder"].queries.names[2] == "Mann"
    assert [weight for _, weight in read.bars[0]] == kinds["decoder"].weights[0, 1, 2].tolist()


def test_where_no_blanks_divide_words_a_piece_will_do(found):
    piece = next(name for name in found[0].source_tokens.names if name.strip("▁") not in found[0].source_tokens.words)
    result = compare([found[0]], piece, Choice())
    assert not result.words and found[0].source_tokens.names[result.places[0]] == piece


def test_kinds_that_a_model_lacks_are_left_out(found):
    only = [each._replace(kinds={"cross": each.kinds["cross"]}) for each in found]
    assert [panel.title.split(" (")[0] for panel in compare(only, "ball", Choice()).panels] == [
        "how much the translation looks at “ball”"
    ]


@pytest.mark.parametrize("word", ["opera", "", " ", "round"])
def test_a_word_that_is_not_in_every_sentence(found, word):
    with pytest.raises(DataError, match="is no word of"):
        compare(found, word, Choice())


def test_it_takes_one_map_of_a_kind(found):
    with pytest.raises(ConfigError, match="one map"):
        compare(found, "ball", Choice(every=True))
