"""One small model learns two directions of a toy language and a copy, and its tags say which of them is wanted."""

import random
import shutil

import pytest
from tiny_commands import on_one_thread
from typer.testing import CliRunner

from nmt import Translator, bundle, evaluate, train
from nmt import config as settings
from nmt.cli.app import app
from nmt.config import Config
from nmt.errors import ConfigError, DataError
from nmt.ids import UNK
from nmt.training import loss

HERE, THERE = "abcdefgh", "stuvwxyz"
"""Word n of one language is word n of the other."""
LINES = ["a b c", "h d g", "e f g b", "c d a e h"]


def other(line: str) -> str:
    """In the other language."""
    return line.translate(str.maketrans(HERE + THERE, THERE + HERE))


def config_of(folder, **sections) -> Config:
    here, there = {"source": "here", "target": "there"}, {"source": "there", "target": "here"}
    value = {
        "run": "run",
        "data": {
            "source_language": "h+t", "target_language": "h+t",
            "train": [
                {**here, "tag": "there"}, {**there, "tag": "here", "weight": 0.9},
                {"source": "here", "target": "here", "tag": "copy", "weight": 0.5},
            ],
            "dev": {"source": "dev.here", "target": "dev.there", "tag": "there"},
            "test": {"source": "dev.there", "target": "dev.here", "tag": "here"},
            "cleaning": {"identical": False}, "augment": None,
        },
        "tokenizer": {"kind": "char", "vocabulary": 40, "byte_fallback": False, "character_coverage": 1.0},
        "model": {
            "type": "transformer", "width": 32, "heads": 2, "feed_forward": 64, "encoder_layers": 1,
            "decoder_layers": 1, "max_length": 20, "dropout": 0.0,
        },
        "training": {"precision": "float32", "batch_tokens": 1024, "lr": 8e-3, "warmup": 0.05, "steps": 600,
                     "evaluate_every": 600, "schedule": "cosine"},
        "search": {"beam": 1},
    }  # fmt: skip
    for name, section in sections.items():
        value[name] = {**value[name], **section}
    return settings.check(Config, value, name="directions", folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("directions"), random.Random(1)
    for name, count in (("", 1200), ("dev.", 12)):
        lines = dict.fromkeys(" ".join(draw.choices(HERE, k=draw.randint(3, 5))) for _ in range(count))
        for side, text in (("here", lines), ("there", map(other, lines))):
            (folder / f"{name}{side}").write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return train(config_of(folder)).folder


@pytest.fixture(scope="module")
def translator(run):
    return Translator.load(run, device="cpu", precision="float32")


def nmt(*words, text: str | None = None):
    return CliRunner().invoke(app, on_one_thread(*words), input=text)


def test_noise_hides_words_and_no_tag(folder, monkeypatch):
    given, inputs = [], loss.inputs
    monkeypatch.setattr(loss, "inputs", lambda *of: given.append(inputs(*of)) or given[-1])
    noise = {"word_dropout": 0.4, "cutoff": 0.4, "steps": 2, "evaluate_every": 2}
    train(config_of(folder, training=noise).model_copy(update={"run": folder / "noisy"}))
    assert all((src[:, 0] > UNK).all() and not cut.source[:, 0].any() for src, _, cut in given)
    assert all((src == UNK).any() and cut.source.any() for src, _, cut in given)


def test_the_tag_decides_what_becomes_of_a_source(translator):
    assert translator.translate(LINES, tag="there") == list(map(other, LINES))
    assert translator.translate(LINES, tag="copy") == LINES
    assert translator.translate(list(map(other, LINES)), tag="here") == LINES
    assert Translator.load(translator.origin.paths, device="cpu", tag="copy").translate(LINES) == LINES


def test_a_text_that_spells_a_tag_is_text(translator):
    spelled = ["<copy> a", "copy a", "<spare3> a"]
    found = list(translator.translations(spelled, tag="there"))
    assert all(each.source_tokens[0] == "<there>" and "<copy>" not in each.source_tokens for each in found)


def test_each_part_of_a_long_line_has_the_tag(translator):
    line = " ".join(random.Random(2).choices(HERE, k=40))
    (found,) = translator.translations([line], tag="there", attention=True)
    assert found.parts > 1 and found.source_tokens.count("<there>") == found.parts
    assert all(len(part) <= 20 - 1 for part in found.places.source)  # with the end mark as long as the model takes
    for spans, weights in zip(found.places.source, found.attention, strict=True):
        assert spans[0] == (spans[1][0], spans[1][0]) and weights.shape[1] == len(spans) + 1
    covered = "".join(line[begin:end] for part in found.places.source for begin, end in part)
    assert covered.replace(" ", "") == line.replace(" ", "")


def test_workers_put_the_tag_too(run):
    translator = Translator.load(run, device="cpu", precision="float32", tag="copy")
    lines = LINES * 300
    assert [each.text for each in translator.translations(lines, workers=2)] == lines


def test_scores_prefer_what_the_tag_asks_for(translator):
    pairs = [(line, text) for line in LINES for text in (line, other(line))]
    for tag, better in (("copy", 0), ("there", 1)):
        scores = [each.log_probability for each in translator.score(pairs, tag=tag)]
        assert all(scores[at + better] > scores[at + 1 - better] + 1 for at in range(0, len(pairs), 2))


def test_a_tag_takes_one_piece_of_the_length(translator):
    line = " ".join([*"aaaaaaaa", "aa"])  # 19 pieces with the blanks, as long as the model takes
    (plain,) = translator.score([(line, "a")])
    (tagged,) = translator.score([(line, "a")], tag="copy")
    assert plain.tokens and not tagged.tokens
    with pytest.raises(DataError, match="has 19 pieces, and the model takes 18"):
        translator.explain(line, tag="copy")
    assert translator.explain(line).source.marks == 0


@pytest.mark.parametrize("tag", ["fr", "", "<copy>"])
def test_an_unknown_tag_is_refused_with_those_that_there_are(run, translator, tag):
    for call in (
        lambda: translator.translate(LINES, tag=tag), lambda: translator.score([("a", "b")], tag=tag),
        lambda: translator.explain("a", tag=tag), lambda: Translator.load(run, tag=tag),
        lambda: evaluate(run, tag=tag, device="cpu"),
    ):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            call()
        assert "there, here, copy" in caught.value.hint


def test_the_views_of_attention_keep_words_and_tag_apart(translator):
    from nmt.analysis.aligner import align, aligned
    from nmt.analysis.alignment import Reading
    from nmt.analysis.attention import attend, merged

    attended = merged(attend(translator, "a b c", tag="there"))
    assert attended.source_tokens.names == ["<there>", "a", "b", "c", "</s>"]
    assert attended.kinds["cross"].weights.shape[-2:] == (4, 5)
    straight = {(word, word) for word in range(3)}
    found = translator.translations(["a b c"], tag="there", attention=True)
    ((_, links),) = aligned(found, Reading(), reverse=None, symmetry="grow-diag")
    assert len(links & straight) >= 2 and all(source < 3 for source, _ in links)
    tagged = Translator.load(translator.origin.paths, device="cpu", precision="float32", tag="there")
    ((links,),) = align(tagged, [("a b c", "s t u")], [Reading()])
    assert len(links & straight) >= 2 and all(source < 3 for source, _ in links)


def test_the_bundle_knows_its_tags_and_languages(run):
    card = bundle.read(run).card
    assert list(card["tags"]) == ["there", "here", "copy"] and card["source_language"] == "h+t"
    page = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert "`--tag there`, `--tag here`, `--tag copy`" in page
    shown = nmt("info", run)
    assert "there, here, copy" in shown.output


def test_a_bundle_that_lost_its_tags_is_damaged(run, tmp_path):
    from nmt.errors import CheckpointError

    copy = shutil.copytree(run / "model", tmp_path / "model")
    (copy / "tags.json").write_text('{"there": 5, "here": 4, "copy": 6}\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"tags\.json"):
        bundle.read(copy)
    (copy / "tags.json").unlink()
    with pytest.raises(CheckpointError, match=r"tags\.json"):
        bundle.read(copy)


def test_evaluation_takes_the_tag_of_the_test_set(run):
    (system,) = evaluate(run, metric=["exact"], device="cpu").systems
    assert "|tag:here|" in system.model.signature
    assert system.hypotheses == (run.parent / "dev.here").read_text(encoding="utf-8").splitlines()
    files = {"source": run.parent / "dev.here", "references": [run.parent / "dev.here"]}
    compared = evaluate(run, **files, tag="copy", metric=["exact"], device="cpu")
    assert compared.columns[0].scores[0].value == 100 and "tag" not in compared.columns[0].scores[0].signature


def test_papers_scores_need_to_know_the_language(run):
    files = {"source": run.parent / "dev.there", "references": [run.parent / "dev.here"]}
    tokenized = {"tokenized_references": [run.parent / "dev.here"], "device": "cpu"}
    with pytest.raises(DataError, match="the target language is not known"):
        evaluate(run, **files, **tokenized, tag="here")  # of h and t it names neither


def test_the_commands_take_a_tag(run):
    text = "".join(f"{line}\n" for line in LINES)
    assert nmt("translate", "--model", run, "--tag", "there", text=text).stdout == other(text)
    refused = nmt("translate", "--model", run, "--tag", "fr", text=text)
    assert refused.exit_code == 1 and "there, here, copy" in refused.output
    attended = nmt("attend", "--model", run, "--tag", "copy", "--words", "a b")
    copied = nmt("translate", "--model", run, "--tag", "copy", text="a b\n").stdout
    assert f"target  {copied}" in attended.stdout
    pair = run.parent / "pair.tsv"
    pair.write_text("a b\ta b\n", encoding="utf-8")
    scored = [nmt("score", "--model", run, "--tsv", pair, "--tag", tag) for tag in ("copy", "here")]
    assert float(scored[0].stdout.split()[0]) > float(scored[1].stdout.split()[0])
    dev = run.parent / "dev.here"
    shown = nmt("eval", "--model", run, "--tag", "copy", "--source", dev, "--reference", dev)
    assert "tag:copy" in shown.stdout


def test_the_commands_say_when_a_model_that_knows_no_source_without_a_tag_gets_one(run):
    pair, dev = run.parent / "untagged.tsv", run.parent / "dev.here"
    pair.write_text("a b\ta b\n", encoding="utf-8")
    for words in (
        ("translate", "--model", run), ("translate", "--model", run, "--model", run), ("attend", "--model", run, "a b"),
        ("score", "--model", run, "--tsv", pair),
        ("eval", "--model", run, "--source", dev, "--reference", dev, "--metric", "exact"),
    ):  # fmt: skip
        shown = nmt(*words, text="a b\n")
        assert shown.exit_code == 0 and "here none has one; --tag takes there, here, copy" in shown.stderr, shown.output
        shown = nmt(*words, "--tag", "copy", text="a b\n")
        assert shown.exit_code == 0 and "--tag takes" not in shown.stderr
    assert "--tag takes" not in nmt("eval", "--model", run).stderr  # the test set has its tag
    reranked = ("--beam", "2", "--n-best", "2", "--rerank", run, "--metric", "exact")
    shown = nmt("eval", "--model", run, "--source", dev, "--reference", dev, *reranked)
    assert shown.stderr.count("here none has one; --tag takes") == 2, "the model and its reranker"
    shown = nmt("eval", "--model", run, "--source", dev, "--reference", dev, *reranked, "--tag", "copy")
    assert shown.exit_code == 0 and "--tag takes" not in shown.stderr


def test_an_export_translates_with_the_tag(run, tmp_path):
    pytest.importorskip("ctranslate2")
    shown = nmt("export", tmp_path / "out", "--model", run)
    assert "12 of 12 lines" in shown.output, shown.output
    exported = Translator.load(tmp_path / "out", device="cpu", threads=1)
    for tag, wanted in (("there", list(map(other, LINES))), ("copy", LINES)):
        assert exported.translate(LINES, tag=tag) == wanted
    with pytest.raises(ConfigError):
        exported.translate(LINES, tag="fr")
    assert exported.missing_tags == ("there", "here", "copy")
    assert nmt("export", tmp_path / "other", "--model", run, "--tag", "").exit_code == 1


def test_two_directions_without_tags(folder):
    """As a pre-training on both directions wants them."""
    data = {
        "train": [{"source": "here", "target": "there"}, {"source": "there", "target": "here"}],
        "dev": {"source": "dev.here", "target": "dev.there"}, "test": None,
    }
    done = train(config_of(folder, data={**config_of(folder).data.model_dump(), **data}, training={
        "precision": "float32", "batch_tokens": 1024, "lr": 8e-3, "warmup": 1, "steps": 2, "evaluate_every": 2,
    }).model_copy(update={"run": folder / "untagged"}))  # fmt: skip
    assert bundle.read(done.folder).tokenizers.source.tags == {}
    assert Translator.load(done.folder, device="cpu").missing_tags == ()
    with pytest.raises(ConfigError) as caught:
        Translator.load(done.folder, tag="there")
    assert "without tags" in caught.value.hint
