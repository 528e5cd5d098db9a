"""A suggested config loads, fits the text and can be prepared, from ten pairs upwards."""

from pathlib import Path

import pytest
from toy_text import sentences, write

from nmt import config as settings
from nmt.config import ParallelText, TrainingText
from nmt.data.facts import language_of, languages_of
from nmt.data.prepare import prepare
from nmt.data.scripts import likeness
from nmt.data.suggest import suggest
from nmt.data.survey import Survey, survey
from nmt.errors import DataError

MODELS = ("transformer", "attention_rnn", "gru")


def seen(**others):
    facts = Survey(
        read=1, kept=1, given={}, held_out=5, words=(9.0, 9.5), types=10**6, shared=True, vocabulary=8000,
        pieces=12.0, longest=40,
    )  # fmt: skip
    return facts._replace(**others)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("train.de", "de"), ("a/b/train.de.gz", "de"), ("europarl.fr-en.fr.xz", "fr"), ("x.pt-BR", "pt-BR"),
        ("en.txt", "en"), ("news.en.txt.gz", "en"), ("train.src", None), ("train.txt", None), ("corpus", None),
        ("x.no", "no"),
    ],
)  # fmt: skip
def test_languages_from_names(name, language):
    assert language_of(Path(name)) == language


def test_languages_from_names_of_tsv():
    assert languages_of(Path("x/train.de-en.tsv.gz")) == ("de", "en")
    assert languages_of(Path("de-en.tsv")) == ("de", "en")
    assert languages_of(Path("pairs.tsv")) == (None, None)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("pairs", [100, 10_000, 100_000, 10_000_000])
def test_any_size_gives_a_config_that_loads(tmp_path, model, pairs):
    path = tmp_path / "config.yaml"
    text = TrainingText(source=tmp_path / "text" / 'a "#1" ü.no', target=tmp_path / "b.en")
    given = {"dev": ParallelText(tsv=[tmp_path / "dev.tsv", tmp_path / "dev2.tsv"], columns=(2, 3))}
    facts = seen(read=pairs + 9, kept=pairs, given={"dev": 1014})
    written = suggest(facts, train=text, given=given, languages=("no", "en"), model=model, path=path)
    path.write_text(written, encoding="utf-8")
    config = settings.load(path)
    assert (config.data.train, config.data.dev) == (text, given["dev"])
    assert config.data.test.held_out == 5
    assert config.data.source_language == "no"
    assert config.model.type == model and config.model.max_length == 128
    assert config.run == tmp_path / "runs" / f"no-en-{model}"
    assert str(tmp_path) not in written
    assert all(line.count("#") for line in written.splitlines() if "vocabulary" in line or "dropout" in line)


def test_more_text_gets_a_larger_model_and_less_dropout():
    def settings_of(pairs):
        text = ParallelText(source="a.de", target="a.en")
        written = suggest(
            seen(kept=pairs), train=text, given={}, languages=("de", "en"), model="transformer", path=Path("c.yaml")
        )
        model = settings.yaml.parse(written, "c.yaml")["model"]
        return model["width"], model["encoder_layers"], -model["dropout"]

    sizes = [settings_of(pairs) for pairs in (1_000, 10_000, 100_000, 1_000_000)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 4


@pytest.mark.parametrize("count", [10, 100, 1500])
def test_a_suggestion_can_be_prepared(tmp_path, count):
    text = ParallelText(**write(tmp_path, "train", sentences(count)))
    facts = survey(text, {})
    path = tmp_path / "config.yaml"
    languages = ("de", "en")
    written = suggest(facts, train=text, given={}, languages=languages, model="gru", path=path)
    path.write_text(written, encoding="utf-8")
    prepared = prepare(settings.load(path))
    assert prepared.report.train.pairs == facts.kept == count - 2 * facts.held_out
    assert len(prepared.dev_text.source) == len(prepared.test_text.source) == facts.held_out == max(1, count // 20)
    assert prepared.tokenizers.source.size == facts.vocabulary


def test_given_splits_are_counted_and_nothing_is_held_out(tmp_path):
    sizes = {"train": 60, "dev": 7, "test": 6}
    text, dev, test = (
        ParallelText(**write(tmp_path, name, sentences(size, seed=size))) for name, size in sizes.items()
    )
    facts = survey(text, {"dev": dev, "test": test})
    assert (facts.read, facts.kept, facts.held_out, facts.given) == (60, 60, 0, {"dev": 7, "test": 6})
    source_words = sum(len(source.split()) for source, _ in sentences(60, seed=60))
    assert facts.words[0] == pytest.approx(source_words / 60)


def test_fewer_pairs_are_held_out_where_sentences_return(tmp_path):
    pairs = [(f"satz {number % 40}", f"number {number}") for number in range(400)]
    facts = survey(ParallelText(**write(tmp_path, "train", pairs)), {})
    assert 1 <= facts.held_out < 20
    assert facts.kept >= 0.8 * 400 or facts.held_out == 1


@pytest.mark.parametrize("given", [(), ("test",)])
def test_text_that_repeats_one_sentence_cannot_be_split(tmp_path, given):
    pairs = [("immer derselbe", f"number {number}") for number in range(40)]
    text = ParallelText(**write(tmp_path, "train", pairs))
    with pytest.raises(DataError, match=r"usable: too few \(overlap: 40\)" if given else r"held.out"):
        survey(text, {name: text for name in given})


def test_many_characters_get_room(tmp_path):
    rows = [[chr(0x4E00 + (7 * number + each) % 900) for each in range(12)] for number in range(300)]
    pairs = [("".join(row), f"line {number}") for number, row in enumerate(rows)]
    text = ParallelText(**write(tmp_path, "train", pairs))
    dev = ParallelText(**write(tmp_path, "dev", sentences(3)))
    assert survey(text, {"dev": dev, "test": dev}).vocabulary > 900 + 260


def test_too_little_text(tmp_path):
    with pytest.raises(DataError, match="has 9 pairs and 8 of them are usable"):
        survey(ParallelText(**write(tmp_path, "train", [*sentences(8), ("", "")])), {})


def test_a_survey_counts_filters_and_warns(tmp_path):
    pairs = [*sentences(60), *[("", "empty")] * 5, *sentences(2)]
    text = ParallelText(**write(tmp_path, "train", pairs))
    facts = survey(text, {}, ("de", "en"))
    assert facts.dropped == {"empty": 5, "duplicate": 2} and facts.read == 67
    assert ["lower-cased" in each for each in facts.warnings] == [True, True, False]
    assert facts.warnings[2].startswith("empty: 5 of 67 pairs (7.5%) were dropped")


@pytest.mark.parametrize("model", ["transformer", "gru"])
def test_different_scripts_get_a_vocabulary_each(tmp_path, model):
    greek = str.maketrans({chr(ord("a") + number): chr(ord("α") + number) for number in range(25)})
    pairs = [(source, target.translate(greek)) for source, target in sentences(300)]
    text = ParallelText(**write(tmp_path, "train", pairs))
    facts = survey(text, {})
    path = tmp_path / "config.yaml"
    written = suggest(facts, train=text, given={}, languages=("de", "el"), model=model, path=path)
    path.write_text(written, encoding="utf-8")
    config = settings.load(path)
    assert not facts.shared and not config.tokenizer.shared and config.model.tied_embeddings == "target"
    source, target = prepare(config).tokenizers
    assert source.size == target.size == facts.vocabulary and source.vocabulary != target.vocabulary


def test_how_alike_the_scripts_of_two_texts_are():
    mixed = ["abc αβγ 12 !", "漢"]
    assert likeness(mixed, mixed) == pytest.approx(1)
    assert likeness(["aaab β"], ["αα x"]) == pytest.approx(1 / 5 + 1 / 3)
    assert likeness(["abc"], ["αβγ"]) == likeness(["12"], ["abc"]) == 0
