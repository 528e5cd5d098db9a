"""Corpora that a model wrote one side of: aligned, complete, and never half of one."""

import gzip
import json

import pytest
import tiny_runs
from sacrebleu.metrics import BLEU
from typer.testing import CliRunner

from nmt import Translator, backtranslate, bundle, checksums, distill, locks, train
from nmt import config as settings
from nmt.cli.app import app
from nmt.config import ParallelText
from nmt.data.prepare import prepare
from nmt.errors import ConfigError, NMTError
from nmt.synthesis import translating

LINES = ["the dog sees a man.", "", "a man likes the red house.", "   ", "a tree and the tree."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A de-en model and an en-de one that learnt a little, their configs, and text in English."""
    folder = tmp_path_factory.mktemp("synthesis")
    tiny_runs.STEPS, steps = {"learnt": 100}, tiny_runs.STEPS
    try:
        tiny_runs.make(folder)
    finally:
        tiny_runs.STEPS = steps
    text = (folder / "learnt.yaml").read_text(encoding="utf-8")
    swapped = text.replace("language: de", "language: xx").replace("language: en", "language: de")
    swapped = swapped.replace("language: xx", "language: en")
    swapped = swapped.replace("text.de, target: text.en", "text.en, target: text.de")
    (folder / "reverse.yaml").write_text(swapped.replace("runs/learnt", "runs/reverse"), encoding="utf-8")
    train(settings.load(folder / "reverse.yaml", ["training.steps=25", "training.evaluate_every=25"]))
    (folder / "mono.en").write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    return folder


def lines_of(path) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def make(folder, name: str = "bt", **options):
    return backtranslate([folder / "runs" / "reverse"], [folder / "mono.en"], folder / name, **options)


def test_each_source_is_the_reverse_models_translation_of_its_target(folder):
    made = make(folder, beam=3)
    sources, targets = lines_of(made.source), lines_of(made.target)
    assert (made.source.name, made.target.name) == ("bt.de", "bt.en")
    assert (made.read, made.pairs, made.left_out) == (5, 3, {"empty": 2})
    assert targets == [line for line in LINES if line.strip()]
    assert sources == Translator.load(folder / "runs" / "reverse").translate(targets, beam=3)


def test_what_is_too_long_or_becomes_nothing_is_left_out_of_both_sides(folder):
    long = " ".join(["the dog"] * 200)
    (folder / "long.en").write_text(f"{long}\n{LINES[0]}\n{long}\n{LINES[2]}\n", encoding="utf-8")
    made = backtranslate([folder / "runs" / "reverse"], [folder / "long.en"], folder / "long")
    assert made.left_out == {"too long for the model": 2} and lines_of(made.target) == [LINES[0], LINES[2]]
    assert len(lines_of(made.source)) == 2
    made = backtranslate([folder / "runs" / "reverse"], [folder / "long.en", folder / "mono.en"], folder / "both")
    assert made.read == 9 and made.pairs == 5 == len(lines_of(made.source))


def test_lines_of_several_sentences_are_kept(folder):
    (folder / "several.en").write_text(f"{LINES[0]} {LINES[2]}\n", encoding="utf-8")
    made = backtranslate([folder / "runs" / "reverse"], [folder / "several.en"], folder / "several")
    (source,) = lines_of(made.source)
    assert source == " ".join(Translator.load(folder / "runs" / "reverse").translate([LINES[0], LINES[2]]))


def test_samples_follow_their_seed(folder):
    texts = [lines_of(make(folder, f"s{number}", sample=True, top_k=10, seed=seed, temperature=3.0).source)
             for number, seed in enumerate((1, 1, 2))]  # fmt: skip
    assert texts[0] == texts[1] != texts[2]


def test_draws_that_spell_no_characters_are_left_out(folder, monkeypatch):
    monkeypatch.setattr(translating, "_NO_CHARACTER", "the")  # one that the model writes
    made = distill([folder / "runs" / "learnt"], folder / "broken", source=[folder / "text.de"], beam=1)
    assert made.left_out["translated to characters that are none"] > 0
    assert not any("the" in line for line in lines_of(made.target))


def test_a_tag_must_have_the_model_write_what_is_wanted(folder):
    text = (folder / "text.de", folder / "text.en")
    train = [{"source": str(a), "target": str(b), "tag": b.suffix[1:]} for a, b in (text, text[::-1])]
    both = ["data.source_language=de+en", "data.target_language=en+de", f"data.train={json.dumps(train)}"]
    both += ["data.dev={held_out: 20, tag: en}", "data.test=null", "training.steps=2", "training.evaluate_every=2"]
    run = train_config(folder, "ways", both)
    config = settings.load(folder / "learnt.yaml")  # de to en
    with pytest.raises(ConfigError, match="writes en with this tag, and de is wanted"):
        backtranslate(run, folder / "mono.en", folder / "never", config=config, tag="en")
    with pytest.raises(ConfigError, match="writes de with this tag, and en is wanted"):
        distill(run, folder / "never", config=config, tag="de")
    with pytest.raises(ConfigError, match="its texts have different tags") as caught:
        distill(run, folder / "never", config=settings.load(folder / "learnt.yaml", both))
    assert "one by one" in caught.value.hint
    assert not (folder / "never").exists()
    assert backtranslate(run, folder / "mono.en", folder / "way", config=config, tag="de", beam=1).read == len(LINES)


def train_config(folder, name: str, overrides: list[str]):
    config = settings.load(folder / "learnt.yaml", [*overrides, f"run={folder / 'runs' / name}"])
    return train(config).folder


def test_packed_files_hold_the_same_and_are_the_same_bytes_each_time(folder):
    plain, packed, again = make(folder, "plain"), make(folder, "one", packed=True), make(folder, "two", packed=True)
    assert packed.source.name == "bt.de.gz"
    assert lines_of(packed.source) == lines_of(plain.source) and lines_of(packed.target) == lines_of(plain.target)
    assert packed.source.read_bytes() == again.source.read_bytes()


def test_the_folder_says_who_wrote_it_and_holds_no_path(folder):
    made = make(folder, "said", beam=2)
    facts = json.loads((folder / "said" / "corpus.json").read_text(encoding="utf-8"))
    sums = checksums.sha256(folder / "runs" / "reverse" / "model" / checksums.NAME)
    assert facts["models"] == [{"name": "reverse", "checksum": sums}] and facts["search"]["beam"] == 2
    assert (facts["kind"], facts["read"], facts["pairs"]) == ("backtranslation", 5, made.pairs)
    assert str(folder) not in json.dumps(facts)


def test_a_corpus_is_replaced_only_with_force_and_only_as_a_whole(folder):
    made = make(folder, "kept")
    before = {path.name: path.read_bytes() for path in made.source.parent.iterdir()}
    with pytest.raises(NMTError, match="exists"):
        make(folder, "kept")

    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    (folder / "many.en").write_text(f"{LINES[0]}\n" * 150, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        backtranslate(
            [folder / "runs" / "reverse"], [folder / "many.en"], folder / "kept", force=True, on_progress=stop
        )
    assert {path.name: path.read_bytes() for path in made.source.parent.iterdir()} == before
    assert not [path for path in folder.iterdir() if path.name.startswith(".kept")]
    make(folder, "kept", force=True, packed=True)
    assert sorted(path.name for path in (folder / "kept").iterdir()) == ["bt.de.gz", "bt.en.gz", "corpus.json"]


def test_what_a_killed_process_left_is_cleared_away(folder):
    """Another that is alive has the place for itself."""
    left = [folder / f".after.01234567{ending}" for ending in (".tmp", ".old")]
    for each in left:
        each.mkdir()
        (each / "corpus.json").write_text("{}", encoding="utf-8")
    with locks.lock(folder / ".after.lock"), pytest.raises(NMTError, match="another process writes a corpus here"):
        make(folder, "after")
    assert all(each.exists() for each in left)
    with pytest.raises(NMTError, match="after: exists"):  # the old corpus, which it had set aside
        make(folder, "after")
    assert not any(each.exists() for each in left) and lines_of(folder / "after" / "corpus.json") == []
    assert make(folder, "after", force=True).pairs == 3
    assert not list(folder.glob(".after*"))


def test_where_one_is_cannot_be_replaced(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NMTError, match="is where you are"):
        backtranslate([folder / "runs" / "reverse"], [folder / "mono.en"], ".")


def test_what_is_no_corpus_is_never_touched(folder):
    for force in (False, True):
        with pytest.raises(NMTError, match="something else"):
            make(folder, "runs", force=force)


def test_the_wrong_direction_is_told(folder):
    forward, reverse = folder / "runs" / "learnt", folder / "runs" / "reverse"
    with pytest.raises(ConfigError, match=r"mono.en: is en by its name, but .* translates from de to en"):
        backtranslate([forward], [folder / "mono.en"], folder / "never")
    (folder / "mono.txt").write_text("the dog.\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="it must translate from en to de"):
        backtranslate([forward], [folder / "mono.txt"], folder / "never", config=settings.load(folder / "learnt.yaml"))
    with pytest.raises(ConfigError, match="and the config is from de to en"):
        distill([reverse], folder / "never", config=settings.load(folder / "learnt.yaml"))
    with pytest.raises(ConfigError, match="is en by its name"):
        distill([forward], folder / "never", source=[folder / "text.en"])
    assert not (folder / "never").exists()


def test_a_student_gets_the_teachers_words_for_the_training_text_and_no_held_out_pair(folder):
    config = settings.load(folder / "learnt.yaml")
    made = distill([folder / "runs" / "learnt"], folder / "kd", config=config)
    sources = lines_of(made.source)
    assert lines_of(made.target) == Translator.load(folder / "runs" / "learnt").translate(sources)
    assert made.pairs == prepare(config).report.train.pairs
    dev, test = (lines_of(made.held_out[split][0]) for split in ("dev", "test"))
    assert (len(dev), len(test)) == (20, 30) and not {*dev, *test} & {*sources}
    text = prepare(config).dev_text
    assert dev == text.source and lines_of(made.held_out["dev"][1]) == text.target


def test_a_teacher_whose_config_draws_searches_here(folder):
    draws = ["search.sample=true", "search.n_best=4", "search.top_k=5", "training.steps=2", "training.evaluate_every=2"]
    run = train(settings.load(folder / "learnt.yaml", [*draws, f"run={folder / 'runs' / 'drawing'}"])).folder
    made = distill([run], folder / "searched", source=[folder / "text.de"])
    wanted = Translator.load(run, sample=False, n_best=1).translate(lines_of(made.source))
    assert lines_of(made.target) == [each.strip() for each in wanted]
    assert json.loads((folder / "searched" / "corpus.json").read_text(encoding="utf-8"))["search"]["sample"] is False


def test_nearest_takes_the_hypothesis_most_like_the_reference(folder):
    text = ParallelText(source=(folder / "few.de",), target=(folder / "few.en",))
    for side in ("de", "en"):
        few = lines_of(folder / f"text.{side}")[:25]
        (folder / f"few.{side}").write_text("".join(f"{line}\n" for line in few), encoding="utf-8")
    teacher = Translator.load(folder / "runs" / "learnt")
    references, metric = lines_of(folder / "few.en"), BLEU(effective_order=True)
    made = distill([folder / "runs" / "learnt"], folder / "near", text=text, nearest="bleu", beam=4)
    best = lines_of(distill([folder / "runs" / "learnt"], folder / "best", text=text, beam=4).target)
    chosen = lines_of(made.target)
    found = teacher.translations(lines_of(folder / "few.de"), beam=4, n_best=4)
    for each, choice, reference in zip(found, chosen, references, strict=True):
        scores = {one.text: metric.sentence_score(one.text, [reference]).score for one in each.hypotheses}
        assert scores[choice] == max(scores.values())
    scores = [metric.corpus_score(each, [references]).score for each in (chosen, best)]
    assert chosen != best and scores[0] > scores[1]


def test_without_a_reference_nothing_is_nearest(folder):
    with pytest.raises(ConfigError, match="nearest to which reference"):
        distill([folder / "runs" / "learnt"], folder / "never", source=[folder / "text.de"], nearest="chrf")
    with pytest.raises(ConfigError, match="which text"):
        distill([folder / "runs" / "learnt"], folder / "never")


def nmt(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu", "--threads", "1"])


def test_the_commands_say_how_to_go_on(folder):
    model = ["--model", folder / "runs" / "reverse"]
    result = nmt("backtranslate", *model, "--input", folder / "mono.en", "--output", folder / "cli",
                 "--config", folder / "learnt.yaml", "--sample", "--top-k", 5)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "2 of 5 lines left out: empty" in result.stderr and "3 pairs in" in result.stdout
    assert "- {source: cli/bt.de, target: cli/bt.en, tag: bt, weight: 1.0}" in result.stdout
    result = nmt("distill", "--model", folder / "runs" / "learnt", "--config", folder / "learnt.yaml",
                 "--output", folder / "cli-kd", "--beam", 1)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    added = "\n".join(line for line in result.stdout.splitlines() if line.startswith("    "))
    for split in ("train", "dev", "test"):
        assert f"    {split}: {{source: cli-kd/" in added
    config = (folder / "learnt.yaml").read_text(encoding="utf-8").replace("runs/learnt", "runs/student")
    kept = [line for line in config.splitlines() if not line.startswith(("  train:", "  dev:", "  test:"))]
    at = kept.index("data:") + 1
    kept[at:at] = [line[2:] for line in added.splitlines()]
    (folder / "student.yaml").write_text("\n".join(kept), encoding="utf-8")
    train(settings.load(folder / "student.yaml", ["training.steps=2", "training.evaluate_every=2"]))
    assert bundle.load(folder / "runs" / "student")


@pytest.mark.parametrize(("arguments", "fault"), [
    (["backtranslate", "--top-k", "5"], "belong to sampling"), (["backtranslate", "--beam", "0"], "greater than"),
    (["distill", "--source", "text.de", "--n-best", "3"], "add --nearest"), (["distill"], "which text"),
    (["distill", "--target", "x"], "which source"), (["backtranslate", "--seed", "3"], "seed: 3 has no effect"),
    (["distill", "--source", "text.de", "--target", "text.en"], "it belongs to --nearest"),
    (["backtranslate", "--sample", "--beam", "3"], "beam: 3 has no effect: sample is true"),
    (["distill", "--source", "no.de"], "no such file"),
    (["distill", "--source", "text.de", "--nearest", "chrf"], "nearest to which reference"),
])  # fmt: skip
def test_faults_are_one_clear_line(folder, arguments, fault, monkeypatch):
    monkeypatch.chdir(folder)
    given = {"backtranslate": ["runs/reverse", "--input", "mono.en"], "distill": ["runs/learnt"]}[arguments[0]]
    result = nmt(*arguments, "--model", *given, "--output", "never")
    assert result.exit_code == 1 and fault in result.stderr + result.stdout, result.stderr
    assert "hint: " in result.stderr and "Traceback" not in result.stderr and not (folder / "never").exists()


def test_a_corpus_is_never_made_of_what_it_replaces(folder):
    made = make(folder, "own")
    before = made.target.read_bytes()
    with pytest.raises(NMTError, match=r"bt\.en: lies in the folder that it would replace"):
        backtranslate([folder / "runs" / "reverse"], [made.target], folder / "own", force=True)
    with pytest.raises(NMTError, match=r"bt\.de: lies in the folder that it would replace"):
        distill([folder / "runs" / "learnt"], folder / "own", source=[made.source], force=True)
    assert made.target.read_bytes() == before


def test_without_a_model_nothing_is_made(folder):
    for work in (lambda: backtranslate([], [folder / "mono.en"], folder / "never"),
                 lambda: distill([], folder / "never", source=[folder / "text.de"]),
                 lambda: Translator.load([])):  # fmt: skip
        with pytest.raises(ConfigError, match="which model"):
            work()


def test_a_model_whose_config_chooses_by_risk_does_so_here_too(folder):
    risk = ["search.mbr=chrf", "search.n_best=2", "training.steps=2", "training.evaluate_every=2"]
    run = train(settings.load(folder / "reverse.yaml", [*risk, f"run={folder / 'runs' / 'risk'}"])).folder
    made = backtranslate([run], [folder / "mono.en"], folder / "risk")
    wanted = Translator.load(run).translate([line for line in LINES if line.strip()])
    assert lines_of(made.source) == [each.strip() for each in wanted]
    drawn = backtranslate([run], [folder / "mono.en"], folder / "drawn", sample=True, seed=3)
    wanted = Translator.load(run, n_best=1, mbr="none", sample=True, seed=3).translate(lines_of(drawn.target))
    assert lines_of(drawn.source) == [each.strip() for each in wanted]


def test_a_model_with_tags_gets_one(folder):
    """Its own is the config's; without any it would write nothing of worth."""
    text = f"source: {folder / 'text.de'}, target: {folder / 'text.en'}, tag: news"
    tagged = [f"data.train={{{text}}}", "data.dev={held_out: 20, tag: news}", "data.test=null"]
    path = folder / "tagged.yaml"
    config = settings.load(folder / "learnt.yaml", [*tagged, "run=" + str(folder / "runs" / "tagged")])
    path.write_text(settings.dump(config), encoding="utf-8")
    run = train(settings.load(path, ["training.steps=2", "training.evaluate_every=2"])).folder
    with pytest.raises(ConfigError, match="each source in its training had a tag") as caught:
        distill([run], folder / "never", source=[folder / "text.de"])
    assert caught.value.hint == "--tag takes news"
    result = nmt("distill", "--model", run, "--config", path, "--output", folder / "tagged", "--beam", 1)
    assert result.exit_code == 0, result.stderr
    assert "train: {source: tagged/distilled.de, target: tagged/distilled.en, tag: news}" in result.stdout
    assert "dev: {source: tagged/dev.de, target: tagged/dev.en, tag: news}" in result.stdout
    assert json.loads((folder / "tagged" / "corpus.json").read_text(encoding="utf-8"))["tag"] == "news"


@pytest.mark.parametrize("name", ["tag", "weight"])
def test_texts_that_are_not_treated_alike_are_distilled_one_by_one(folder, name):
    text = {"source": str(folder / "text.de"), "target": str(folder / "text.en")}
    several = json.dumps([text, {**text, name: {"tag": "news", "weight": 2}[name]}])
    config = settings.load(folder / "learnt.yaml", [f"data.train={several}"])
    with pytest.raises(ConfigError, match=f"different {name}s") as caught:
        distill([folder / "runs" / "learnt"], folder / "never", config=config)
    assert ("--tag" in caught.value.hint) == (name == "tag")
