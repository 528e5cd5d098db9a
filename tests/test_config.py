"""The config: what YAML means, which faults are told and how, where paths lead, and that it survives a round trip."""

from pathlib import Path

import pytest

from nmt import config
from nmt.config import yaml
from nmt.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
MINIMAL = """
run: runs/x
data:
  source_language: de
  target_language: en
  train: {source: text/a.de, target: text/a.en}
  dev: {held_out: 100}
model: {type: gru}
"""


@pytest.fixture
def write(tmp_path):
    """Write a config file: MINIMAL, and after it what a test adds."""

    def write(added: str = "", *, base: str = MINIMAL) -> Path:
        path = tmp_path / "c.yaml"
        path.write_text(base + added, encoding="utf-8")
        return path

    return write


def faults(path: Path, *overrides: str) -> list[str]:
    """The lines of the one error that loading ends in, without the first and the indentation."""
    with pytest.raises(ConfigError) as caught:
        config.load(path, overrides)
    first, *lines = caught.value.message.splitlines()
    assert str(path) in first and (str(len(lines)) in first or not lines)
    assert caught.value.hint
    return [line.strip() for line in lines]


def test_a_minimal_config_has_every_default(write):
    loaded = config.load(write())
    assert loaded.training == config.TrainingConfig()
    assert loaded.search.beam == 5 and loaded.model.cell == "gru" and loaded.data.test is None


# What YAML means


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4), ("1E3", 1000.0), ("-.5", -0.5), ("1.", 1.0), (".inf", float("inf")),
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("y", "y"), ("NO", "NO"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("010", 10), ("1_000", 1000), ("+7", 7), ("0x10", "0x10"), ("1:30", "1:30"), ("2001-01-01", "2001-01-01"),
        ("1.2.3", "1.2.3"), ("'3e-4'", "3e-4"), ("[1, no]", [1, "no"]), ("{a: 1}", {"a": 1}), ("<<", "<<"), ("=", "="),
    ],
)  # fmt: skip
def test_a_scalar_means_what_it_looks_like(text, value):
    found = yaml.parse(text, "x")
    assert found == value and type(found) is type(value)


def test_language_codes_and_learning_rates_survive(write):
    loaded = config.load(write("training: {lr: 3e-4}\n", base=MINIMAL.replace("language: de", "language: no")))
    assert loaded.training.lr == 3e-4 and loaded.data.source_language == "no"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: 2\na: 3\n", "c.yaml:3: key 'a' occurs twice"),
        ("a:\n  b: 1\n  b: 2\n", "c.yaml:3: key 'b' occurs twice"),
        ("a: &x {b: 1}\nc: *x\n", "c.yaml:2: aliases"),
        ("a: [1, 2\nb: 3\n", "c.yaml:2: "),
        ("a: 1\n\tb: 2\n", "c.yaml:2: "),
        ("a: !!python/object/apply:os.system [ls]\n", "c.yaml:1: tags"),
        ("a: !!bool maybe\n", "c.yaml:1: tags"),
        ("1: 2\n", "c.yaml:1: key 1 is not a word"),
        ("[a]: 2\n", "c.yaml:1: "),
        ("a: " + 3000 * "[", "c.yaml"),
        ("a: 1\n---\na: 2\n", "c.yaml:"),
        ('a: "\\x1b[31m"\n', "control character"),
        ('"b\\nerror: x": 1\n', "control character"),
        ('a: "\\ud800"\n', "control character"),
        ("#" * (1 << 20) + "\n", "is larger than"),
        ("- 1\n", "a config is a mapping"),
        ("", "a config is a mapping"),
        ("hello", "a config is a mapping"),
    ],
)
def test_broken_yaml_is_told_with_its_line(write, text, told):
    path = write(base=text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert told in caught.value.message
    assert str(path) in caught.value.message and "\n" not in caught.value.message


def test_missing_and_unreadable_files(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        config.load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        config.load(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("run: ä".encode("latin-1"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_no_part_of_the_config(write):
    path = write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert config.load(path).model.type == "gru"


# Faults


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("training: {stpes: 4}\n", 'training.stpes: unknown key (did you mean "steps"?)'),
        ("trainning: {}\n", 'trainning: unknown key (did you mean "training"?)'),
        ("search: {zzz: 1}\n", "search.zzz: unknown key (known: batch_tokens, beam, "),
        ("training: {steps: many}\n", "training.steps: "),
        ("training: {steps: 1.5}\n", "training.steps: "),
        ("training: {steps: 0}\n", "training.steps: "),
        ("training: {lr: .nan}\n", "training.lr: "),
        ("training: {seed: 1e30}\n", "training.seed: "),
        ("training: {steps: 1" + 30 * "0" + "}\n", "training.steps: "),
        ("training: {steps: '5'}\n", "training.steps: "),
        ("training: {steps: true}\n", "training.steps: "),
        ("training: {lr: true}\n", "training.lr: "),
        ("training: {tensorboard: 1}\n", "training.tensorboard: "),
        ("training: {tensorboard: no}\n", "training.tensorboard: "),
        ("training: {betas: [true, 0.9]}\n", "training.betas[0]: "),
        ("training: {betas: 0.9}\n", "training.betas: must be a list"),
        ("training:\n", "training: must be a section with keys, not None"),
        ("training: {label_smoothing: 1}\n", "training.label_smoothing: "),
        ("training: {schedule: cosin}\n", 'training.schedule: must be one of inverse_sqrt, cosine, plateau, constant'),
        ("training: {schedule: cosin}\n", '(did you mean "cosine"?)'),
        ("training: 3\n", "training: "),
        ("tokenizer: {kind: word}\n", "tokenizer.kind: must be one of unigram, bpe, char"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_path_and_a_hint(write, added, told):
    (line,) = faults(write(added))
    assert told in line


def test_whole_numbers_are_numbers_however_they_are_written(write):
    loaded = config.load(write("training: {steps: 2e3, lr: 1, betas: [0, 0.9]}\nsearch: {beam: 4.0}\n"))
    assert (loaded.training.steps, loaded.training.lr, loaded.search.beam) == (2000, 1.0, 4)
    assert type(loaded.training.steps) is int and type(loaded.training.lr) is float
    assert config.load(write(), ["training.steps=2e3"]).training.steps == 2000


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("model: {type: gru}", "", "model: is missing"),
        ("model: {type: gru}", "model: {}", "model: needs a `type`"),
        ("type: gru", "type: transfomer", 'model: type: "transfomer" is none of gru, attention_rnn, transformer'),
        ("type: gru", "type: gru, heads: 4", "model.heads: unknown key (it belongs to type transformer)"),
        ("type: gru", "type: gru, window: 4", "unknown key (it belongs to type attention_rnn, transformer)"),
        ("type: gru", "type: gru, hiden: 4", 'model.hiden: unknown key (did you mean "hidden"?)'),
        ("source_language: de", "", "data.source_language: is missing"),
        ("source: text/a.de, ", "", "data.train: give source and target, or tsv"),
        ("source: text/a.de, ", "tsv: x, ", "data.train: give either source and target, or tsv, not both"),
        ("source: text/a.de", "source: [a, b]", "data.train: 2 source files but 1 target files"),
        ("source: text/a.de, target: text/a.en", "tsv: x, columns: [1, 1]", "data.train: columns are two different"),
        ("source: text/a.de", "columns: [2, 1], source: text/a.de", "data.train: columns are those of a tsv"),
        ("text/a.de", "''", "data.train.source[0]: a path must not be empty"),
        ("text/a.de", "7", "data.train.source: "),
        ("held_out: 100", "held_out: 0", "data.dev.held_out: "),
        ("held_out: 100", "held_out: 100, source: x", "data.dev.source: unknown key"),
        ("held_out: 100", "sorce: x", "data.dev.sorce: unknown key"),
    ],
)  # fmt: skip
def test_faults_inside_alternatives_name_what_the_user_wrote(write, old, new, told):
    assert any(told in line for line in faults(write(base=MINIMAL.replace(old, new))))


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("tokenizer: {shared: false}\nmodel: {type: transformer}\n", "model.tied_embeddings: "),
        ("tokenizer: {kind: char, sampling: 0.1}\n", "tokenizer.sampling: "),
        ("tokenizer: {vocabulary: 200}\n", "tokenizer.vocabulary: byte_fallback"),
        ("search: {n_best: 6}\n", "search: n_best (6) must not be larger than beam (5)"),
        ("search: {beam: 1001}\n", "search.beam: input should be less than or equal to 1000, not 1001"),
        ("search: {batch_tokens: 65537}\n", "search.batch_tokens: input should be less than or equal to 65536"),
        ("training: {evaluate_beam: 1001}\n", "training.evaluate_beam: input should be less than or equal to 1000"),
        ("search: {min_length: 9, max_length: 3}\n", "search: min_length (9)"),
        ("search: {temperature: 0.5}\n", "search: temperature, top_k and top_p belong to sampling"),
        ("training: {min_lr: 1}\n", "training: min_lr (1) must not be larger than lr"),
        ("training: {steps: 300, warmup: 300}\n", "training: warmup: 300 updates leave the cosine schedule no time"),
        ("training: {horizon: 50, warmup: 60}\n", "no time to fall: it ends after update 50"),
        ("training: {warmup: 1.5}\n", "training.warmup: must be a number of updates, or a share of the run between 0"),
        ("training: {warmup: -0.1}\n", "a share of the run between 0 and 1, not -0.1"),
        ("training: {evaluate_every: often}\n", "training.evaluate_every: must be a number of updates, or a share"),
        ("training: {evaluate_every: 0}\n", "training: evaluate_every: 0 updates between evaluations"),
        ("training: {betas: [0.9, 1.0]}\n", "training: betas"),
        ("model: {type: transformer, width: 10, heads: 4}\n", "heads (4) must divide width (10)"),
        ("model: {type: transformer, width: 6, heads: 2, positions: rotary}\n", "even width per head"),
        ("model: {type: transformer, width: 5, heads: 1}\n", "even width, not 5"),
        ("model: {type: transformer, key_value_heads: 3}\n", "key_value_heads (3) must divide heads (4)"),
        ("model: {type: transformer, score: additive, positions: rotary}\n", "rotary positions show in products alone"),
        ("model: {type: transformer, score: dot, encoder_attention: linear}\n", "a score of its own"),
        ("model: {type: transformer, weighting: sigmoid, decoder_attention: linear}\n", "never has the energies"),
        ("model: {type: transformer, positions: rotary, encoder_attention: linear}\n", "relative positions enter"),
        ("model: {type: transformer, positions: relative, decoder_attention: average}\n", "average attention never"),
    ],
)  # fmt: skip
def test_impossible_combinations(write, added, told):
    base = MINIMAL.replace("model: {type: gru}\n", "") if "model:" in added else MINIMAL
    (line,) = faults(write(added, base=base))
    assert told in line


def test_all_faults_are_told_at_once(write):
    lines = faults(write("training: {stpes: 4, lr: -1}\nserach: {}\ntokenizer: {kind: 3}\n"), "model.hidden=wide")
    told = {line.split(":")[0] for line in lines}
    assert told == {"training.stpes", "training.lr", "serach", "tokenizer.kind", "model.hidden"}


@pytest.mark.parametrize(
    ("added", "told"),
    [
        (
            "search: {n_best: 6, min_length: 9, max_length: 3, temperature: 2}\n",
            ["search: n_best (6)", "search: min_length (9)", "search: temperature"],
        ),
        (
            "model: {type: transformer, heads: 3, dropuot: 0.1, dropout: 2}\n",
            ["model.dropuot: unknown", "model.dropout: ", "model: heads (3)"],
        ),
        (
            "model: {type: transformer}\ntokenizer: {shared: false}\ntraining: {stpes: 3}\nserach: {}\n",
            ["training.stpes: unknown", "serach: unknown", "model.tied_embeddings: "],
        ),
        ("search: {beam: 0, n_best: 6}\n", ["search.beam: "]),  # the other may be its consequence
    ],
)
def test_impossible_combinations_do_not_hide_behind_other_faults(write, added, told):
    base = MINIMAL.replace("model: {type: gru}\n", "") if "model:" in added else MINIMAL
    lines = faults(write(added, base=base))
    assert len(lines) == len(told)
    assert all(any(line.startswith(each) for line in lines) for each in told)


def test_combinations_do_not_hide_behind_what_is_missing(write):
    lines = faults(write(base="model: {type: transformer, heads: 3}\ntokenizer: {shared: false}\ndata: {dev: {}}\n"))
    assert [line.split(": ")[0] for line in lines] == [
        "run", "data.source_language", "data.target_language", "data.train", "model.tied_embeddings", "data.dev",
        "model",
    ]  # fmt: skip


def test_a_conflict_that_a_faulty_setting_may_have_caused_is_not_told(write):
    base = MINIMAL.replace("{type: gru}", "{type: transfomer, tied_embeddings: all}")
    assert len(faults(write("tokenizer: {shared: false}\n", base=base))) == 1
    assert len(faults(write("tokenizer: 3\n", base=MINIMAL.replace("gru", "transformer")))) == 1


def test_a_key_may_have_the_name_of_an_alternative(write):
    assert faults(write(base=MINIMAL.replace("type: gru", "type: gru, gru: 1")))[0].startswith("model.gru: unknown key")
    assert faults(write("gru: 1\n"))[0].startswith("gru: unknown key")


def test_a_split_that_lost_its_only_key_is_told_once(write):
    assert len(faults(write(), "data.dev.held_out=0")) == 1


# Overrides and paths


def test_overrides_go_through_the_same_check(write):
    path = write("training: {lr: 0.1}\n")
    loaded = config.load(path, ["training.lr=1e-3", "model={type: transformer}", "data.test={held_out: 2}"])
    assert (loaded.training.lr, loaded.model.type, loaded.data.test.held_out) == (1e-3, "transformer", 2)
    assert faults(path, "training.steps=x", "search.bean=2") == [
        *faults(path, "training.steps=x"), 'search.bean: unknown key (did you mean "beam"?)',
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["training.lr", "=3", "training.=3", ".lr=3", "training.lr.x=3", "training.lr=[1"])
def test_broken_overrides(write, text):
    with pytest.raises(ConfigError, match=r"training\.lr|an override is key=value"):
        config.load(write("training: {lr: 0.1}\n"), [text])


def test_paths_are_relative_to_the_file_and_typed_ones_to_the_current_folder(write, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    loaded = config.load(write(), ["data.cache=here", "data.train.target=there/a.en"])
    assert loaded.run == tmp_path / "runs/x"
    assert loaded.data.train.source == (tmp_path / "text/a.de",)
    assert loaded.data.cache == elsewhere / "here"
    assert loaded.data.train.target == (elsewhere / "there/a.en",)
    assert config.load(Path("../c.yaml")) == config.load(tmp_path / "c.yaml")


def test_dump_and_load_are_inverse(write, tmp_path):
    norwegian = MINIMAL.replace("language: de", "language: no")
    loaded = config.load(write("tokenizer: {character_coverage: 1.0}\n", base=norwegian))
    text = config.dump(loaded)
    again = tmp_path / "other" / "again.yaml"
    again.parent.mkdir()
    again.write_text(text, encoding="utf-8")
    assert config.load(again) == loaded
    assert config.dump(config.load(again)) == text
    assert config.digest(loaded) == config.digest(config.load(again))


@pytest.mark.parametrize(
    "word", ["no", "3e-4", "1e5", "0o7", "null", "010", "yes", "2001-01-01", "1:30", "a: b", "#x", "ä\u2028", "", " a "]
)
def test_a_string_stays_a_string(word):
    assert yaml.parse(yaml.dump({"a": word}), "x") == {"a": word}


def test_a_digest_names_settings_and_not_their_order(write):
    def digest(text: str) -> str:
        return config.digest(config.load(write(text)).training)

    assert digest("training: {lr: 0.01, steps: 5}\n") == digest("training: {steps: 5, lr: 1e-2}\n")
    assert digest("training: {lr: 0.01, steps: 5}\n") != digest("training: {steps: 6, lr: 0.01}\n")


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("training: {ema_decay: 0.9}\n", "training.ema_decay: 0.9 has no effect: average is none, not ema"),
        ("search: {seed: 4}\n", "search.seed: 4 has no effect: sample is false, not true"),
        (
            "model: {type: attention_rnn, window: 3}\n",
            "model.window: 3 has no effect: scope is global, not local_monotonic or local_predictive",
        ),
        ("model: {type: transformer, window: 3}\n", "positions is sinusoidal, not relative"),
        (
            "training: {schedule: inverse_sqrt, warmup: 50, steps: 50}\n",
            "training.schedule: inverse_sqrt has no effect: the warm-up takes 50 updates, and steps is 50",
        ),
        ("training: {average: ema, ema_decay: 0.9}\n", None),
        ("model: {type: transformer, window: 3, positions: relative}\n", None),
    ],
)
def test_what_has_no_effect_is_told(write, added, told):
    """And is no fault: an override that leaves something out need not take back all that belongs to it."""
    base = MINIMAL.replace("model: {type: gru}\n", "") if "model:" in added else MINIMAL
    lines = list(config.load(write(added, base=base)).idle())
    assert len(lines) == (told is not None) and all(told in line for line in lines)


@pytest.mark.parametrize("section", config.Section.__subclasses__(), ids=lambda section: section.__name__)
def test_what_belongs_to_other_settings_names_settings(section):
    others = (other for each in section.BELONGS.values() for other in each)
    assert {*section.BELONGS, *others} <= {*section.model_fields}


# Everything else that is a config


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/**/*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_the_project_loads(path):
    """One that goes on from a model has no section `model` of its own: `nmt finetune` takes that from there."""
    finetunes = "finetune" in yaml.parse(path.read_text(encoding="utf-8"), path.name)
    loaded = config.load(path, ["model.type=transformer"] if finetunes else [])
    assert not list(loaded.idle())
    assert ROOT in loaded.run.parents, "runs of the project's configs belong into the project's folder"


SECTIONS = [value for value in vars(config).values() if isinstance(value, type) and issubclass(value, config.Section)]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_setting_is_described(section):
    assert section.__doc__
    assert [name for name, field in section.model_fields.items() if not field.description and name != "type"] == []


def test_the_schema_names_every_section():
    names = {section.__name__ for section in SECTIONS} - {"Config", "Section"}
    assert names <= set(config.schema()["$defs"])


def test_the_schema_takes_one_path_or_a_list(write):
    source = config.schema()["$defs"]["ParallelText"]["properties"]["source"]
    assert [each["type"] for each in source["anyOf"]] == ["string", "array"]


def test_settings_cannot_be_changed_after_the_check(write):
    with pytest.raises(ValueError, match="frozen"):
        config.load(write()).search.beam = 3
