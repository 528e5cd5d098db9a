"""Bundles: damaged ones, which the sums betray, and hostile ones, whose sums are right."""

import copy
import json
import os
import shutil
import struct
import sys
from pathlib import Path

import pytest
import tiny_bundle
import torch
from damage import HOSTILE, as_yaml, damaged, deranged, flipped
from hypothesis import given
from hypothesis import strategies as st
from law import holds, tries
from safetensors.torch import load, save
from sentencepiece import SentencePieceNormalizer

from nmt import bundle
from nmt.config import SearchConfig, yaml
from nmt.data import model_proto
from nmt.data.normalisation import normalising
from nmt.decoding.translator import Translator
from nmt.errors import CheckpointError

LINES = ["A man. ü漢 <s>", "", "bushes " * 40]
SUMMED = ["config.yaml", "model.safetensors", "source.model", "target.model", "tags.json"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The files of a good bundle."""
    folder = tiny_bundle.save(tmp_path_factory.mktemp("whole") / "model", tags=["de", "fr"])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def write(whole, tmp_path):
    """Write the bundle with some files replaced, others removed (None); with right sums or the old ones."""

    def write(changed: dict[str, bytes | None], *, sealed: bool) -> Path:
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in {**whole, **changed}.items():
            if content is not None:
                (folder / name).write_bytes(content)
        if sealed:
            bundle.seal(folder)
        return folder

    return write


def translate(folder: Path) -> list[str] | None:
    """The law, over all that a bundle is used for."""

    def work() -> list[str]:
        translator = Translator.load(folder)
        translator.score([(LINES[0], LINES[2]), ("", "")])
        list(translator.translations(LINES, attention=True, beam=2, n_best=1, sample=False, batch_tokens=500))
        translator.translate(LINES[:2], sample=True, seed=3, max_length=5, n_best=1, batch_tokens=500)
        return translator.translate(LINES)

    found = holds(work, folder=folder)
    assert found is None or (len(found) == len(LINES) and not any("\n" in line for line in found))
    return found


def test_the_whole_bundle_translates(write):
    assert translate(write({}, sealed=False))
    assert translate(write({}, sealed=True))


@tries(30)
@given(st.sampled_from([*SUMMED, "SHA256SUMS"]), st.data())
def test_damage_is_always_told(whole, write, name, data):
    content = data.draw(damaged(whole[name]))
    found = translate(write({name: content}, sealed=False))
    if name in SUMMED:
        assert (found is None) == (content != whole[name])


@tries(30)
@given(st.sampled_from(SUMMED), st.data())
def test_every_flipped_bit_is_told(whole, write, name, data):
    assert translate(write({name: data.draw(flipped(whole[name]))}, sealed=False)) is None


@tries(30)
@given(st.sampled_from([*SUMMED, "card.json"]), st.data())
def test_broken_bytes_with_right_sums(whole, write, name, data):
    translate(write({name: data.draw(damaged(whole[name]))}, sealed=True))


@tries(30)
@given(st.data())
def test_a_deranged_config(whole, write, data):
    tree = data.draw(deranged(yaml.parse(whole["config.yaml"].decode(), "x")))
    translate(write({"config.yaml": as_yaml(tree)}, sealed=True))


@tries(30)
@given(st.data())
def test_deranged_tags(whole, write, data):
    tags = data.draw(deranged(json.loads(whole["tags.json"])))
    folder = write({"tags.json": json.dumps(tags).encode("utf-8", errors="surrogatepass")}, sealed=True)
    translate(folder)
    described = holds(lambda: bundle.read(folder), folder=folder)
    assert described is None or all(map(str.isprintable, described.tokenizers.source.tags))


SIZES = st.sampled_from([1, 2, 3, 255, 256, 1000, 65_536, 65_537, 2**31, 2**40, 10**12, 2**63 - 1, 2**63, 10**30])

RECURRENT = {"embedding", "hidden", "encoder_layers", "decoder_layers", "max_length"}
KNOWN = {
    "gru": RECURRENT,
    "attention_rnn": RECURRENT,
    "transformer": {"width", "heads", "feed_forward", "encoder_layers", "decoder_layers", "max_length"},
    "ntm": {"embedding", "hidden", "slots", "slot_width", "read_heads", "max_length"},
}


@tries(25)
@given(
    st.sampled_from(sorted(KNOWN)),
    st.dictionaries(st.sampled_from(sorted(set().union(*KNOWN.values()))), SIZES, min_size=1, max_size=8),
    st.dictionaries(st.sampled_from(["beam", "min_length", "max_length", "max_length_extra", "batch_tokens"]), SIZES),
)  # fmt: skip
def test_absurd_sizes(whole, write, kind, model, search):
    """A few hundred bytes of settings ask for a model of 10^12 weights, and the file holds some thousand."""
    config = yaml.parse(whole["config.yaml"].decode(), "x")
    fitting = {name: size for name, size in model.items() if name in KNOWN[kind]}
    config["model"] = {"type": kind, "tied_embeddings": "target", **fitting}
    config["search"] |= search
    assert translate(write({"config.yaml": as_yaml(config)}, sealed=True)) is None


@pytest.mark.parametrize("name", ["beam", "n_best", "batch_tokens"])
def test_a_search_that_fills_the_memory_is_refused(whole, write, name):
    config = yaml.parse(whole["config.yaml"].decode(), "x")
    config["search"] |= {"beam": 1000, "n_best": 1000, "batch_tokens": 1 << 16}
    bundle.load(write({"config.yaml": as_yaml(config)}, sealed=True))
    config["search"][name] += 1
    with pytest.raises(CheckpointError, match=rf"search\.{name}: input should be less than or equal to"):
        bundle.load(write({"config.yaml": as_yaml(config)}, sealed=True))


@tries(30)
@given(
    st.dictionaries(
        st.sampled_from(sorted(SearchConfig.model_fields)),
        st.one_of(st.integers(0, 12), st.floats(0, 1), st.just(True), HOSTILE), max_size=4,
    )
)  # fmt: skip
def test_hostile_settings_of_the_search(whole, write, search):
    config = yaml.parse(whole["config.yaml"].decode(), "x")
    config["search"] |= search | {"batch_tokens": 500}
    beam = config["search"]["beam"]
    config["search"]["beam"] = min(beam, 40) if type(beam) is int else beam
    translate(write({"config.yaml": as_yaml(config)}, sealed=True))


@tries(30)
@given(st.data())
def test_a_deranged_card(whole, write, data):
    card = data.draw(deranged(json.loads(whole["card.json"])))
    translate(write({"card.json": as_yaml(card)}, sealed=True))


# Weights


def with_header(content: bytes, change) -> bytes:
    """A safetensors file with another header: its length as 8 bytes, JSON, then the numbers."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.dumps(change(json.loads(content[8 : 8 + length]))).encode("utf-8", errors="surrogatepass")
    return struct.pack("<Q", len(header)) + header + content[8 + length :]


@tries(30)
@given(st.data())
def test_a_deranged_header(whole, write, data):
    content = with_header(whole["model.safetensors"], lambda header: data.draw(deranged(header)))
    if content != whole["model.safetensors"]:
        translate(write({"model.safetensors": content}, sealed=True))


@pytest.mark.parametrize("length", [0, 1, 7, 2**20, 10**8, 10**8 + 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_header_that_claims_another_length(whole, write, length):
    content = struct.pack("<Q", length) + whole["model.safetensors"][8:]
    assert translate(write({"model.safetensors": content}, sealed=True)) is None


@tries(25)
@given(st.data())
def test_other_tensors(whole, write, data):
    weights = load(whole["model.safetensors"])
    name = data.draw(st.sampled_from(sorted(weights)))
    tensor = weights[name]
    match data.draw(st.sampled_from(["missing", "extra", "shape", "empty", "format", "numbers"])):
        case "missing":
            del weights[name]
        case "extra":
            weights[data.draw(st.text(max_size=9).filter(lambda each: each not in weights))] = tensor.clone()
        case "shape":
            other = [tensor[None], tensor[:1], tensor.flatten(), tensor.sum()]
            weights[name] = data.draw(st.sampled_from(other)).clone()
        case "empty":
            weights[name] = tensor[:0].clone()
        case "format":
            kinds = [torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool, torch.int64]
            weights[name] = tensor.to(data.draw(st.sampled_from(kinds)))
        case "numbers":
            weights[name] = tensor.clone()
            number = data.draw(st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e38, -3e38, 1e-45]))
            weights[name].view(-1)[data.draw(st.integers(0, tensor.numel() - 1)) :] = number
            content = {"model.safetensors": save(weights)}
            assert translate(write(content, sealed=True)) is None or abs(number) < float("inf")
            return
    found = translate(write({"model.safetensors": save(weights)}, sealed=True))
    assert found is None or found == translate(write({}, sealed=True))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(whole, write, number):
    weights = load(whole["model.safetensors"])
    weights["encoder_norm.weight"][3] = number
    with pytest.raises(CheckpointError, match=r"encoder_norm\.weight holds an infinity"):
        bundle.load(write({"model.safetensors": save(weights)}, sealed=True))


def with_tensor(content: bytes, change) -> bytes:
    """A safetensors file of which the entry of one tensor is another text."""
    (length,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + length]
    name, entry = next((name, each) for name, each in json.loads(header).items() if name != "__metadata__")
    written = json.dumps({name: entry}, separators=(",", ":"))[1:-1].encode()
    assert written in header
    changed = header.replace(written, change(name, entry).encode())
    return struct.pack("<Q", len(changed)) + changed + content[8 + length :]


def entry_of(name: str, entry: dict, **other) -> str:
    return json.dumps({name: {**entry, **other}}, separators=(",", ":"))[1:-1]


ENDS = [[-8, 8], [0, -1], [8, 0], [0, 2**31], [0, 2**32 + 8], [2**63, 2**63 + 8], [0, 2**64], [0, 0], [4, 68], [1.0, 9]]


@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_offsets_that_overlap_or_overflow_are_refused(whole, write, ends):
    content = with_tensor(whole["model.safetensors"], lambda name, entry: entry_of(name, entry, data_offsets=ends))
    assert translate(write({"model.safetensors": content}, sealed=True)) is None


SHAPES = [[2**32], [2**63, 2], [2**32, 2**32], [-1], [0, 2**64 - 1], [1.5], [[2]], [1] * 70_000]


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
def test_shapes_that_overflow_are_refused(whole, write, shape):
    content = with_tensor(whole["model.safetensors"], lambda name, entry: entry_of(name, entry, shape=shape))
    assert translate(write({"model.safetensors": content}, sealed=True)) is None


def test_a_tensor_that_is_there_twice_is_refused(whole, write):
    content = with_tensor(whole["model.safetensors"], lambda *each: f"{entry_of(*each)},{entry_of(*each)}")
    assert translate(write({"model.safetensors": content}, sealed=True)) is None


def test_a_large_model_that_its_file_does_not_hold_takes_no_memory(write, whole):
    """Neither a config of a model of 9 GB beside a sparse file of that size, nor a file that claims it alone."""
    config = yaml.parse(whole["config.yaml"].decode(), "x")
    config["model"] |= {"width": 16384, "feed_forward": 16384, "max_length": 16384}
    for name, content in (("config.yaml", as_yaml(config)), ("source.model", whole["source.model"])):
        folder = write({name: content}, sealed=True)
        os.truncate(folder / "model.safetensors", 9 << 30)
        assert translate(folder) is None


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff", b"\xc0\xaf\x80", b"\xed\xa0\x80"])
def test_pieces_that_are_not_utf_8(whole, write, nonsense):
    blank = "\u2581".encode()
    content = whole["source.model"].replace(blank, nonsense)
    assert blank in whole["source.model"] and translate(write({"source.model": content}, sealed=True)) is None


def piece(text: str) -> bytes:
    """Appended to a SentencePiece model, one more piece."""
    return model_proto.field(
        model_proto.PIECES,
        model_proto.field(model_proto.PIECE, text.encode()) + model_proto.field(model_proto.SCORE, -1.0),
    )


@pytest.mark.parametrize("text, fault", [
    ("x" * 300, "at most 256 characters"), ("a\nb", "a line end"), ("漢字", r"is \d+x16 and not \d+x16"),
])  # fmt: skip
def test_pieces_that_no_training_makes_are_refused(whole, write, text, fault):
    other = {name: whole[name] + piece(text) for name in ("source.model", "target.model")}
    with pytest.raises(CheckpointError, match=fault):
        bundle.load(write(other, sealed=True))


def test_a_normalisation_to_much_text_is_refused(whole, write):
    """A letter that becomes a megabyte makes a terabyte of a book."""
    table = SentencePieceNormalizer(norm_map=[("a", "b" * 2000)]).serialized_normalizer_spec()
    other = whole["source.model"] + model_proto.field(model_proto.NORMALIZER_SPEC, table)
    with pytest.raises(CheckpointError, match="expected replacements of at most 1,024 bytes"):
        bundle.load(write({"source.model": other}, sealed=True))


def test_a_model_of_too_many_pieces_is_refused_before_it_is_built(whole, write):
    with pytest.raises(CheckpointError, match="expected at most 1,048,576 pieces"):
        bundle.load(write({"source.model": whole["source.model"] + piece("x") * (1 << 20)}, sealed=True))


@tries(25)
@given(st.data())
def test_a_damaged_table_of_normalisation(whole, write, data):
    """SentencePiece looks texts up in a trie that the file holds."""
    spec = dict(model_proto.fields(normalising("nfc")))[model_proto.NORMALIZER_SPEC]
    table = data.draw(damaged(dict(model_proto.fields(spec))[model_proto.CHARSMAP]))
    changed = model_proto.field(model_proto.NORMALIZER_SPEC, model_proto.field(model_proto.CHARSMAP, table))
    translate(write({"source.model": whole["source.model"] + changed}, sealed=True))


@pytest.fixture(scope="module")
def tagged(tmp_path_factory) -> dict[str, bytes]:
    """The files of a bundle with two tags and no free slot."""
    folder = tiny_bundle.save(tmp_path_factory.mktemp("tagged") / "model", tags=["de", "fr"])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("tags", [
    '{"de": 4.0, "fr": 5}', '{"de": "4"}', '{"de": true}', '{"de": 4, "fr": 4}', '{"de": 4, "de": 5}', '{"de": 3}',
    '{"de": 6}', '{"de": -1}', '{"de": 4294967300}', '{"de": NaN}', '{"": 4}', '{"a b": 4}', '{"\\u001b[2J": 4}',
    "[4, 5]", '{"de": null}', '{"de": [4]}', '"de"', "4", "null", "", "{" * 100_000, '{"' + "x" * 65 + '": 4}',
])  # fmt: skip
def test_tags_with_other_ids_or_names_are_refused(tagged, write, tags):
    assert translate(write(tagged, sealed=True))
    with pytest.raises(CheckpointError, match=r"tags\.json: expected names of tags, each with one of the ids .*4 to 5"):
        bundle.read(write(tagged | {"tags.json": tags.encode()}, sealed=True))


# Files that are none


@pytest.mark.parametrize("name", [*SUMMED, "card.json", "SHA256SUMS"])
@pytest.mark.parametrize("form", ["missing", "folder", "pipe", "loop", "device", "elsewhere"])
def test_what_is_no_plain_file_is_refused(write, tmp_path, name, form):
    if sys.platform == "win32" and form not in ("missing", "folder"):
        pytest.skip("Windows has no such files")
    folder = write({}, sealed=True)
    path = folder / name
    path.unlink()
    secret = tmp_path / "secret"
    secret.write_text("password: 1234\n", encoding="utf-8")
    match form:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "elsewhere":
            path.symlink_to(secret)
    with pytest.raises(CheckpointError) as caught:
        bundle.load(folder)
    assert "1234" not in str(caught.value)
    assert f"{name}: expected a plain file, found a" in str(caught.value) or form == "missing" or "model" in name


def test_a_link_to_the_right_content_is_refused_but_one_to_the_folder_is_not(write, tmp_path):
    folder = write({}, sealed=True)
    (tmp_path / "link").symlink_to(folder)
    assert translate(tmp_path / "link")
    (folder / "source.model").rename(tmp_path / "source.model")
    (folder / "source.model").symlink_to(tmp_path / "source.model")
    with pytest.raises(CheckpointError, match=r"source\.model: expected a plain file, found a link"):
        bundle.load(folder)


def test_sums_that_name_a_file_twice_are_refused(whole, write):
    with pytest.raises(CheckpointError, match="SHA256SUMS: lists a file twice"):
        bundle.load(write({"SHA256SUMS": whole["SHA256SUMS"] * 2}, sealed=False))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sparse files by default")
@pytest.mark.parametrize("name", [*SUMMED, "card.json"])
def test_a_file_of_a_terabyte_is_not_read(write, name):
    folder = write({}, sealed=True)
    os.truncate(folder / name, 1 << 40)
    assert translate(folder) is None


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "..\\b", "C:\\b", "~/b", "\x1b[2J", ""])
def test_a_list_of_sums_leads_nowhere_else(whole, write, name):
    listed = whole["SHA256SUMS"].decode().replace("model.safetensors", name)
    assert translate(write({"SHA256SUMS": listed.encode()}, sealed=False)) is None


def test_two_vocabularies_where_the_config_says_one(whole, write):
    other = whole["target.model"].replace("▁".encode(), b"___")
    with pytest.raises(CheckpointError, match=r"source\.model and target\.model hold different pieces"):
        bundle.load(write({"target.model": other}, sealed=True))
    config = copy.deepcopy(yaml.parse(whole["config.yaml"].decode(), "x"))
    config["tokenizer"]["shared"] = False  # while tied_embeddings is all
    assert translate(write({"config.yaml": as_yaml(config)}, sealed=True)) is None
