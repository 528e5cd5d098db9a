"""Protected spans through a translator: kept hypotheses first, spans back in the text, losses told."""

from collections.abc import Sequence

import numpy as np
import pytest

from nmt.config import SearchConfig, TokenizerConfig
from nmt.config.tokenizer import SYMBOLS
from nmt.data.masking import masker_of
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.decoding.engine import Found, HeadChoice, Maps
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.translator import Translator
from nmt.decoding.windows import Item
from tests import tiny_bundle

TOKENIZER = train_tokenizer(tiny_bundle.TEXT * 5, TokenizerConfig(vocabulary=330), shrink=True)
ONE, TWO, THREE = SYMBOLS[:3]


class Answers:
    """An engine that gives each source the next texts as hypotheses, best first."""

    explains, order, max_length, name, precision = True, "left_to_right", 40, "fake", "float32"

    def __init__(self, *texts: Sequence[str]):
        self.texts, self.asked = iter(texts), []

    def search(self, sources, search, *, attention, details) -> list[Found]:
        self.asked.append(search.n_best)
        rows = [TOKENIZER.encode(next(self.texts)[: search.n_best]) for _ in sources]
        found = [[Hypothesis(ids, -float(n), -float(n), []) for n, ids in enumerate(row)] for row in rows]
        ends = [None if attention is None else np.zeros((len(row[0]) + 1, len(source) + 1))
                for row, source in zip(rows, sources, strict=True)]  # fmt: skip
        return list(map(Found, found, ends))

    def explain(self, sources, targets) -> list[Maps]:
        shapes = zip(sources, targets, strict=True)
        return [Maps(None, None, np.ones((1, 1, len(target) + 1, len(source) + 1))) for source, target in shapes]

    def each(self, method, translator, windows: list[list[Item]], *, workers):
        return (method(translator, window) for window in windows)


def translator(*texts: Sequence[str], **search) -> Translator:
    tokenizers = Tokenizers(TOKENIZER, TOKENIZER)
    how = SearchConfig(**{"beam": 3, **search})
    return Translator(Answers(*texts), tokenizers, how, masker=masker_of(TokenizerConfig()))


def test_the_best_hypothesis_that_keeps_every_span_is_taken():
    model = translator(["A man", f"A {ONE}", f"{TWO} A {ONE}."])
    (found,) = model.translations(["Is {a} near {b}?"])
    assert found.text == "{b} A {a}." and found.lost == () and found.source == "Is {a} near {b}?"
    assert model.engine.asked == [3] and len(found.hypotheses) == 1


def test_what_no_hypothesis_keeps_is_told():
    (found,) = translator([f"A {TWO} {TWO} {THREE}", f"A {ONE}"]).translations(["{a} {b}"])
    assert found.text == "A {a}" and found.lost == ("{b}",)


def test_n_best_texts_have_their_spans():
    (found,) = translator(["A man", f"A {ONE}", f"{ONE} A"], n_best=2).translations(["{a}!"])
    assert [each.text for each in found.hypotheses] == ["A {a}", "{a} A"]


def test_lines_without_spans_are_searched_as_ever():
    model = translator(["A hat."], ["No", f"{ONE}"])
    assert model.translate(["no span", "{x}"]) == ["A hat.", "{x}"]
    assert model.engine.asked == [1, 3]


def test_samples_stay_in_the_order_drawn():
    model = translator(["A man", f"A {ONE}"], sample=True, n_best=2)
    (found,) = model.translations(["{a}"])
    assert [each.text for each in found.hypotheses] == ["A man", "A {a}"]


def test_minimum_bayes_risk_prefers_what_keeps_the_spans():
    (found,) = translator(["A man", "A man.", f"A {ONE}"], n_best=3, mbr="chrf").translations(["{a}"])
    assert found.text == "A {a}"


def test_attention_is_that_of_the_hypothesis_taken_and_places_are_those_of_the_text():
    (found,) = translator(["A man", f"A {ONE} man"]).translations(["Is <b>{a}, man?"], attention=True)
    assert found.text == "A <b> man" and found.attention[0].min() == 1  # of `explain`
    (source,), (target,) = found.places
    assert "<b>" in [found.source[begin:end] for begin, end in source]
    assert "{a}" in [found.source[begin:end] for begin, end in source]
    assert "<b>" in [found.text[begin:end] for begin, end in target]
    assert [target[-1][1], source[-1][1]] == [len(found.text), len(found.source)]
    assert "<span1>" in found.source_tokens


def test_line_breaks_in_a_span_break_no_line():
    masker = masker_of(TokenizerConfig(protect_patterns=("a\u2028b",)))
    model = translator([ONE])
    model.masker = masker
    assert model.translate(["a\u2028b"]) == ["a b"]


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Translator:
    kinds = ("placeholders", "tags", "urls", "emails")
    return Translator.load(tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model", protect=kinds))


def test_neighbours_do_not_matter(real):
    lines = ["Is {a} there?", "A man.", "<b>No</b> and %s", "", "Nobody http://a.de/x", "{1} " * 40]
    together = list(real.translations(lines))
    alone = [next(real.translations([line])) for line in lines]
    assert [each._replace(hypotheses=[]) for each in together] == [each._replace(hypotheses=[]) for each in alone]
    assert [each.source for each in together] == lines and together[-1].parts > 1
    assert not any(symbol in each.text for each in together for symbol in SYMBOLS)


def test_scores_and_explanations_know_the_spans(real):
    pairs = [("A {a} man", "A {a} hat"), ("A {b} man", "A {b} hat")]
    one, other = real.score(pairs)
    assert one == other and "<span1>" in one.tokens
    found = real.explain("Is {a} in?", "A {a} hat")
    shown = [found.target.text[begin:end] for begin, end in found.target.offsets]
    assert found.target.text == "A {a} hat" and "{a}" in shown
    written = real.explain("Is {a} in?")
    assert written.target.text == real.translate(["Is {a} in?"])[0]


def test_a_user_s_own_symbol_comes_through():
    assert translator([f"A {ONE}"]).translate([f"{THREE}?"]) == [f"A {THREE}"]


def test_heads_are_those_that_were_asked_for():
    model = translator(["A", f"{ONE}"])
    (found,) = model.translations(["{a}"], attention=True, heads=HeadChoice(1, 1))
    assert found.attention[0].shape == (len(TOKENIZER.encode([ONE])[0]) + 1, len(TOKENIZER.encode([ONE])[0]) + 1)
