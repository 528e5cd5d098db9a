"""The bundle: whole, movable, described, and never a traceback when it is damaged."""

import hashlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import torch
from copy_task import config_of
from safetensors.torch import load_file, save_file

from nmt import bundle, checksums, files
from nmt import config as settings
from nmt.bundle import place, reading
from nmt.decoding.translator import Translator
from nmt.errors import CheckpointError
from nmt.training import train

FILES = [
    "README.md", "SHA256SUMS", "card.json", "config.yaml", "model.safetensors", "source.model", "target.model",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = config_of(tmp_path_factory.mktemp("bundle"), training={"steps": 2})
    train(config)
    return config.run


@pytest.fixture
def model(run, tmp_path):
    """A copy of the bundle, to damage."""
    return shutil.copytree(run / "model", tmp_path / "copied model")


def fault(folder) -> str:
    """The one line with which a bundle is refused."""
    with pytest.raises(CheckpointError) as caught:
        bundle.load(folder)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


def test_a_bundle_is_what_design_md_says(run):
    assert sorted(path.name for path in (run / "model").iterdir()) == FILES


def test_it_comes_back_as_it_was_saved(run):
    loaded = bundle.load(run)
    best = load_file(run / "best" / "weights.safetensors")
    weights = dict(loaded.model.named_parameters())
    assert weights.keys() == best.keys()
    assert all(torch.equal(weights[name], best[name]) for name in best)
    assert all(weight.dtype == torch.float32 for weight in weights.values()) and not loaded.model.training
    source, target = loaded.tokenizers
    assert source.vocabulary == target.vocabulary and loaded.config.model.type == "transformer"
    assert loaded.card["data"]["pairs"] == 1500


def test_it_computes_in_the_precision_that_is_asked_for(run):
    for precision in ("float32", "bfloat16"):
        translator = Translator.load(run, device="cpu", precision=precision)
        assert translator.engine.precision == precision and len(translator.translate(["a b c"])) == 1


def test_tied_weights_are_stored_once(run):
    weights = load_file(run / "model" / "model.safetensors")
    embeddings = [tensor for tensor in weights.values() if len(tensor) == bundle.load(run).tokenizers.source.size]
    assert len(embeddings) == 1


def test_a_moved_bundle_translates_the_same_with_the_run_gone(run, tmp_path):
    lines = ["a b c", "h", ""]
    before = Translator.load(run).translate(lines)
    moved = shutil.copytree(run, tmp_path / "run") / "model"
    shutil.move(moved, tmp_path / "ü moved")
    shutil.rmtree(tmp_path / "run")
    assert Translator.load(tmp_path / "ü moved").translate(lines) == before


def test_it_tells_nothing_of_the_machine_it_comes_from(run):
    for name in ("card.json", "config.yaml", "README.md"):
        text = (run / "model" / name).read_text(encoding="utf-8")
        assert str(run.parent) not in text and "train.txt" not in text


def test_loading_draws_no_random_numbers(run):
    state = torch.get_rng_state()
    bundle.load(run)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_run_folder_and_its_bundle_are_the_same(run):
    assert bundle.locate(run) == bundle.locate(run / "model") == run / "model"


def test_what_is_no_bundle_is_told(run, tmp_path):
    assert "no such folder" in fault(tmp_path / "nowhere")
    assert "neither a run folder nor a model bundle" in fault(tmp_path)
    (tmp_path / "config.yaml").write_text("", encoding="utf-8")
    (tmp_path / "log.jsonl").write_text("", encoding="utf-8")
    assert "the run has no model yet" in fault(tmp_path)


def test_a_bundle_of_before_there_were_slots_is_read(model):
    """Its config does not speak of them, its tokenizer has none, and there is no tags.json."""
    translations = Translator.load(model).translate(["a b c"])
    text = (model / "config.yaml").read_text(encoding="utf-8")
    assert "  spare: 0\n" in text
    (model / "config.yaml").write_text(text.replace("  spare: 0\n", ""), encoding="utf-8")
    bundle.seal(model)
    assert not (model / "tags.json").exists()
    assert bundle.read(model).config.tokenizer.spare == 0
    assert Translator.load(model).translate(["a b c"]) == translations


@pytest.mark.parametrize("name", sorted({*FILES} - {"README.md"}))
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    message = fault(model)
    assert name in message


@pytest.mark.parametrize("name", sorted({*FILES} - {"README.md"}))
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"[1, 2]", b"{}", "half"])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_damaged_file_is_named(model, name, content, sealed):
    path = model / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if content == "half" else content)
    if sealed and name != "SHA256SUMS":
        bundle.seal(model)
    assert name in fault(model)


@pytest.mark.parametrize("name", ["config.yaml", "model.safetensors", "source.model", "target.model"])
def test_a_single_flipped_bit_is_told(model, name):
    content = bytearray((model / name).read_bytes())
    content[-len(content) // 3] ^= 1
    (model / name).write_bytes(content)
    assert f"{name}: is damaged or was changed" in fault(model)


def test_the_sums_are_those_of_other_programs(model):
    for line in (model / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        total, name = line.split("  ")
        assert hashlib.sha256((model / name).read_bytes()).hexdigest() == total


def test_readme_is_for_people_alone(model):
    (model / "README.md").unlink()
    bundle.load(model)


def edited(model, change) -> str:
    """The fault of a bundle whose weights were changed."""
    path = model / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path)
    bundle.seal(model)
    return fault(model)


def test_weights_that_do_not_fit_are_listed_shortly(model):
    def shorten(weights):
        weights["encoder_norm.weight"] = weights["encoder_norm.weight"][:5].clone()

    assert "encoder_norm.weight is 5 and not 32" in edited(model, shorten)


def test_a_missing_and_an_unknown_weight_are_named(model):
    def rename(weights):
        weights["stranger"] = weights.pop("encoder_norm.weight")

    message = edited(model, rename)
    assert "encoder_norm.weight is missing" in message and "stranger is unknown" in message


def test_many_faults_are_counted(model):
    def rename(weights):
        for name in list(weights):
            weights[f"old {name}"] = weights.pop(name)

    message = edited(model, rename)
    assert "more" in message and len(message) < 400


def test_a_file_without_weights_is_told(model):
    message = edited(model, lambda weights: weights.clear())
    assert "does not fit its config" in message and "is missing" in message


def test_a_file_with_too_many_weights_is_told(model):
    message = edited(model, lambda weights: weights.update(stranger=torch.zeros(5_000_000)))
    assert "does not fit its config: stranger is unknown" in message


def test_another_number_format_is_told(model):
    def halve(weights):
        weights["encoder_norm.weight"] = weights["encoder_norm.weight"].half()

    assert "encoder_norm.weight is float16 and not float32" in edited(model, halve)


def replace(path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    bundle.seal(path.parent)


def test_a_newer_format_is_told(model):
    replace(model / "config.yaml", "format: 1", "format: 2")
    assert "has format 2, and this nmt reads up to 1" in fault(model)


def test_an_unknown_key_is_told(model):
    replace(model / "config.yaml", "seed:", "seeed:")
    assert 'seeed: unknown key (did you mean "seed"?)' in fault(model)


def test_a_config_of_another_size_does_not_fit(model):
    replace(model / "config.yaml", "width: 32", "width: 64")
    assert "does not fit" in fault(model)


def test_facts_of_a_later_nmt_are_left_aside(model):
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    (model / "card.json").write_text(json.dumps({**card, "carbon": 1}), encoding="utf-8")
    assert "carbon" not in bundle.load(model).card


def test_a_card_that_lacks_a_fact_is_told(model):
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    del card["dev"]["bleu"]
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert "dev.bleu" in fault(model)


@pytest.mark.parametrize(("section", "fact"), [("vocabulary", "target"), ("machine", "torch")])
def test_a_card_that_lacks_what_nmt_info_shows_is_told(model, section, fact):
    card = json.loads((model / "card.json").read_text(encoding="utf-8"))
    del card[section][fact]
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert f"{section}.{fact}" in fault(model)


def test_the_card_for_people_has_the_facts(run):
    text = (run / "model" / "README.md").read_text(encoding="utf-8")
    card = bundle.load(run).card
    assert "# a → b, transformer" in text and f"{card['parameters']:,} parameters" in text
    assert card["dev"]["bleu"]["signature"] in text


def test_two_tokenizers_come_back_as_two(tmp_path):
    config = config_of(
        tmp_path, training={"steps": 2}, tokenizer={"shared": False}, model={"tied_embeddings": "target"}
    )
    train(config)
    assert {"source.model", "target.model"} <= {path.name for path in (config.run / "model").iterdir()}
    loaded = bundle.load(config.run)
    assert loaded.tokenizers.source.model != loaded.tokenizers.target.model, "each has the normalisation of its side"
    assert Translator.load(config.run).translate(["a b"])


def test_the_digest_names_what_the_weights_depend_on(tmp_path):
    one = config_of(tmp_path)
    assert bundle.digest(one) == bundle.digest(config_of(tmp_path, run="elsewhere", search={"beam": 1}))
    assert bundle.digest(one) != bundle.digest(config_of(tmp_path, training={"lr": 0.1}))
    text = {"source": "train.txt", "target": "train.txt"}
    weighted = [{"train": [{**text, "weight": weight}, text]} for weight in (1, 2)]
    data = [*weighted, {"target_order": "right_to_left"}, {"target_language": "xx"}]
    assert len({bundle.digest(each) for each in (one, *(config_of(tmp_path, data=each) for each in data))}) == 5


READERS = {bundle.load: 5, bundle.read: 3}


@pytest.fixture
def two(model, tmp_path):
    """Two bundles of other sizes, of which nothing fits together."""
    config = config_of(tmp_path, training={"steps": 2}, model={"width": 16}, tokenizer={"kind": "bpe"})
    train(config)
    return model, config.run / "model"


@pytest.mark.parametrize(("read", "at"), [(read, at) for read, most in READERS.items() for at in range(most)])
def test_a_bundle_that_is_exchanged_while_it_is_read_is_read_again(two, monkeypatch, read, at):
    """Just before it is looked at first, or one of its files is checked."""
    model, better = two
    width = settings.yaml.read(better / "config.yaml")["model"]["width"]
    functions = {"locate": bundle.locate, "check": checksums.check}
    calls = 0

    def exchange_at(name):
        def called(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == at + 2:  # the first asks for the version
                spare = model.with_name("spare")
                model.rename(spare)
                better.rename(model)
            return functions[name](*arguments, **options)

        return called

    for module in (place, reading):
        monkeypatch.setattr(module, "locate", exchange_at("locate"))
    monkeypatch.setattr(checksums, "check", exchange_at("check"))
    found = read(model)
    assert calls > at + 2 and found.config.model.width == width
    if read is bundle.load:
        assert next(iter(found.model.parameters())).shape[1] == width


def test_a_reader_beside_a_training_always_finds_a_whole_model(two, tmp_path):
    """It loads in a tight loop; each time a bundle takes the place of the other, at a random moment."""
    folder, sources, loads, faults = tmp_path / "read", two, [], []
    shutil.copytree(sources[0], folder)
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                loaded = bundle.load(folder)
                loads.append(loaded.config.model.width == next(iter(loaded.model.parameters())).shape[1])
            except Exception as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        before = len(loads)
        with files.replacing_folder(folder) as inside:
            shutil.copytree(sources[number % 2], inside, dirs_exist_ok=True)
        while len(loads) == before and not faults:
            time.sleep(0.001)
    done.set()
    reader.join()
    assert not faults and all(loads) and len(loads) >= 40


def test_a_name_can_be_shown_whatever_the_folder_is_called():
    assert bundle.name_of(Path("runs") / "de-en" / "model") == "de-en"
    assert bundle.name_of(Path(os.fsdecode(b"m\xe4\tx"))) == "m\ufffd\ufffdx"
