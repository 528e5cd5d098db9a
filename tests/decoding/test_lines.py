"""Lines of several sentences through a trained model: each sentence is translated as if it stood alone."""

import numpy as np
import pytest
import tiny_runs

from nmt import Translator, bundle, evaluate
from nmt.config import SearchConfig
from nmt.config.sources import SourcesConfig
from nmt.data.text import read_lines
from nmt.decoding import windows
from nmt.decoding.splitting import Splitting
from nmt.decoding.translator import splitting_of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    tiny_runs.STEPS, steps = {"learnt": 100}, tiny_runs.STEPS
    try:
        return tiny_runs.make(tmp_path_factory.mktemp("runs"))[0]
    finally:
        tiny_runs.STEPS = steps


@pytest.fixture(scope="module")
def translator(run):
    return Translator.load(run, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def sentences(run):
    return list(read_lines(run.parent.parent / "text.de"))[:24]


@pytest.fixture(scope="module")
def joined(sentences):
    """Lines of one to four sentences."""
    return [" ".join(sentences[begin : begin + 1 + begin % 4]) for begin in range(0, 20, 3)]


def rejoined(alone: dict[str, str], lines: list[str]) -> list[str]:
    return [" ".join(alone[f"{each.strip('.')}."] for each in line.split(". ")) for line in lines]


def test_the_bundle_keeps_what_the_sources_were_like(run):
    found = bundle.read(run).config.sources
    assert found.several == 0
    assert 5 < found.length < 60


def test_joined_lines_become_joined_translations(translator, sentences, joined):
    alone = dict(zip(sentences, translator.translate(sentences), strict=True))
    assert translator.translate(joined) == rejoined(alone, joined)
    assert translator.translate(joined[::-1], batch_tokens=1) == rejoined(alone, joined[::-1])
    assert [each.parts for each in translator.translations(joined)] == [line.count(".") for line in joined]
    whole = list(translator.translations(joined, split="never"))
    assert [each.parts for each in whole] == [1] * len(joined)
    assert [each.text for each in whole] != rejoined(alone, joined)


def test_processes_change_nothing(translator, joined, monkeypatch):
    monkeypatch.setattr(windows, "READ_AHEAD", 3)
    together = [each.text for each in translator.translations(joined, workers=2)]
    assert together == translator.translate(joined)


def test_an_exported_model_splits_as_well(run, translator, joined, tmp_path):
    pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")
    from nmt.export import export

    export(run, tmp_path / "out", lines=joined, threads=1)
    exported = Translator.load(tmp_path / "out", device="cpu", threads=1)
    assert exported.splitting == translator.splitting
    assert exported.translate(joined) == translator.translate(joined)


def test_everything_that_a_translation_has_covers_all_parts(translator, joined):
    line = f"  {joined[3]}"
    (found,) = translator.translations([line], attention=True, n_best=2)
    assert found.text == f"  {found.hypotheses[0].text}"
    assert len(found.attention) == found.parts == line.count(".") > 1
    text = found.hypotheses[0].text
    sources = [line[part[0][0] : part[-1][1]].strip() for part in found.places.source]
    targets = [text[part[0][0] : part[-1][1]].strip() for part in found.places.target]
    assert [f"{each.strip('.')}." for each in line.strip().split(". ")] == sources
    assert " ".join(targets) == text
    for spans, rows in zip(found.places.target, found.attention, strict=True):
        assert len(spans) + 1 == len(rows) and np.allclose(rows.sum(1), 1, atol=1e-4)
    (chosen,) = translator.translations([line], n_best=2, mbr="chrf")
    assert chosen.parts == found.parts and len(chosen.hypotheses) == 2


def test_scores_leave_indentation_out_and_name_the_switch(run, joined, tmp_path):
    for name, lines in (("plain", joined), ("indented", [f"\t{line}" for line in joined])):
        (tmp_path / f"{name}.de").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    reference = tmp_path / "reference.en"
    reference.write_text("".join(f"{line}\n" for line in Translator.load(run).translate(joined)), encoding="utf-8")

    def score(name, **search):
        found = evaluate([run], source=tmp_path / f"{name}.de", references=[reference], metric="exact", **search)
        return found.columns[0].scores[0].value, found.systems[0].model

    for name in ("plain", "indented"):
        exact, model = score(name)
        assert exact == 100 and "split" not in model.signature
        assert model.split == (len([line for line in joined if line.count(".") > 1]), model.split.parts, 0)
    exact, model = score("plain", split="never")
    assert exact < 100 and "|split:never|" in model.signature and not model.split.lines


def test_an_ensemble_splits_as_its_most_cautious_member(run):
    config = bundle.read(run).config
    other = config.model_copy(update={"sources": SourcesConfig(length=9, several=0.5)})
    assert splitting_of([config, other]) == Splitting("de", "en", SourcesConfig(length=9, several=0))


def test_a_translator_of_unknown_training_text_keeps_lines_whole(translator, joined):
    unknown = Translator(translator.engine, translator.tokenizers, SearchConfig(beam=2))
    assert [each.parts for each in unknown.translations(joined)] == [1] * len(joined)
