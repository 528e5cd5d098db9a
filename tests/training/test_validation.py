"""Scores on the development text."""

from types import SimpleNamespace

import pytest
import tiny_bundle
import toy_text

from nmt import bundle
from nmt.config.sources import SourcesConfig
from nmt.training import validation


@pytest.mark.parametrize(("language", "tokenizer"), [("en", "13a"), ("zh", "zh"), ("th", "char")])
def test_bleu_in_training_has_the_tokenizer_of_the_target_language(tmp_path, language, tokenizer):
    loaded = bundle.load(tiny_bundle.save(tmp_path / "model"))
    config = toy_text.toy_config(tmp_path, toy_text.sentences(5), data={"target_language": language})
    text = validation.Pairs(["A man."] * 2, ["A man."] * 2)
    report = SimpleNamespace(sources=SourcesConfig(length=100, several=0))
    prepared = SimpleNamespace(tokenizers=loaded.tokenizers, report=report)
    bleu, chrf, _ = validation.score(loaded.model, prepared, text, config)
    assert f"|tok:{tokenizer}|" in bleu.signature and chrf.name == "chrF2"
    assert bool(validation.tokenizer(config, text).notes) == (tokenizer == "char")
