"""Unknown words: copied from where the model looks."""

import numpy as np
import pytest

from nmt.config import SearchConfig, TokenizerConfig
from nmt.data.tokenizer import Tokenizers
from nmt.data.tokenizer_training import train_tokenizer
from nmt.decoding.engine import Found, Maps
from nmt.decoding.hypothesis import Hypothesis
from nmt.decoding.translator import Translator
from nmt.errors import ConfigError
from nmt.ids import UNK
from tests import tiny_bundle

TOKENIZER = train_tokenizer(tiny_bundle.TEXT * 5, TokenizerConfig(vocabulary=90, byte_fallback=False, spare=1),
                            shrink=True)  # fmt: skip
SOURCE = "No чай, man ж."


class Copying:
    """An engine that writes a source's pieces from the last to the first and looks where it copies from."""

    explains, order, max_length, name, precision = True, "left_to_right", 40, "fake", "float32"

    def search(self, sources, search, *, attention, details) -> list[Found]:
        found = [Hypothesis(ids[::-1], 0.0, 0.0, []) for ids in sources]
        maps = [np.eye(len(ids) + 1)[[*reversed(range(len(ids))), len(ids)]] for ids in sources]
        return [Found([each], None if attention is None else rows) for each, rows in zip(found, maps, strict=True)]

    def explain(self, sources, targets) -> list[Maps]:
        return [Maps(None, None, np.ones((1, 1, 1, 1))) for _ in sources]

    def each(self, method, translator, windows, *, workers):
        return (method(translator, window) for window in windows)


def translator(engine=None, **search) -> Translator:
    how = SearchConfig(replace_unknown=True, **search)
    return Translator(engine or Copying(), Tokenizers(TOKENIZER, TOKENIZER).tagged(["t"]), how)


def test_each_unknown_piece_becomes_the_one_it_was_made_from():
    text, tagged = (next(translator().translations([SOURCE], tag=tag)).text for tag in (None, "t"))
    assert text.index("ж") < text.index("чай") and "⁇" not in text and text.count("чай") == 1
    assert tagged.rstrip() == text.rstrip()
    (kept,) = translator().translations([SOURCE], replace_unknown=False)
    assert kept.text.count("⁇") == 2


def test_a_known_source_word_is_copied_whole():
    class Inventing(Copying):
        def search(self, sources, search, *, attention, details):
            (found,) = super().search(sources, search, attention=attention, details=details)
            return [Found([found.hypotheses[0]._replace(ids=[UNK] * len(sources[0]))], found.attention)]

    (found,) = translator(Inventing()).translations(["bushes"])
    assert set(found.text.replace("bushes", "")) <= {" "} and found.text.count("bushes") >= 1
    assert found.attention is None and found.places is None


def test_every_part_of_a_long_line_is_read_by_itself():
    line = " ".join(f"No man чай{n * 'ж'}." for n in range(1, 9))
    (found,) = translator().translations([line])
    assert found.parts > 1 and "⁇" not in found.text
    assert all(f"чай{n * 'ж'}" in found.text for n in range(1, 9))


def test_what_has_no_attention_is_refused():
    class Hidden(Copying):
        def explain(self, sources, targets):
            return [Maps(None, None, None)]

    with pytest.raises(ConfigError, match="replace_unknown needs attention"):
        translator(Hidden()).translate([SOURCE])
    for other in ({"attention": True}, {"mbr": "chrf", "n_best": 2}):
        with pytest.raises(ConfigError, match="attention"):
            list(translator().translations([SOURCE], **other))


def test_a_real_model(tmp_path):
    path = tiny_bundle.save(tmp_path / "model")
    lines = ["No чай.", "", "A man."]
    model = Translator.load(path)
    assert model.translate(lines, replace_unknown=True) == model.translate(lines)  # its bytes spell everything
