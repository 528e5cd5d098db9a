"""An exported model is the model: every option of the Transformer, and all that is asked of an engine."""

import struct
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import tiny_bundle
import torch
import torch.nn.functional as F
from odd_lines import MARKED
from pydantic import TypeAdapter
from tiny_bundle import TEXT, changed
from variants import OPTIONS, pairwise

from nmt import Translator, bundle, tensors
from nmt.config import ModelConfig, SearchConfig
from nmt.config.export import CTRANSLATE2
from nmt.data.batching import pad
from nmt.decoding import ctranslate2_format, ctranslate2_search, search, windows
from nmt.errors import CheckpointError, ConfigError, NMTError
from nmt.export import export, run
from nmt.export.agreement import agreement
from nmt.ids import BOS, EOS, PAD

pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed: pip install ctranslate2")

LINES = [*TEXT, "", "Nobody climbs.", "A man! " * 30, "x", "Two ☃ 漢字 males \0 are \u2028 outside."]
PAIRS = [(line, TEXT[number % 4]) for number, line in enumerate(LINES)] + [("A man", ""), ("", ""), ("", "A man")]


EXPORTABLE = OPTIONS["transformer"] | {name: list(values) for name, values in CTRANSLATE2.items()}
EXPORTABLE["init"] = ["xavier"]  # another start alone, or a post-norm that is refused


def _name(options: dict) -> str:
    return "-".join(map(str, options.values()))


def export_to(folder, model, **options):
    return export(model, folder, lines=TEXT, threads=1, **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A bundle and what was exported from it."""
    folder = tmp_path_factory.mktemp("exported")
    model = tiny_bundle.save(folder / "model")
    export_to(folder / "out", model)
    return model, folder / "out"


@pytest.fixture(scope="module")
def engines(folders):
    model, exported = folders
    ours = Translator.load(model, device="cpu", precision="float32", threads=1)
    return ours, Translator.load(exported, device="cpu", threads=3)


def same(mine, its) -> None:
    """Translations with all their numbers, but for the attention."""
    for one, other in zip(mine, its, strict=True):
        assert one.text == other.text and one.source_tokens == other.source_tokens and one.parts == other.parts
        for ours, exported in zip(one.hypotheses, other.hypotheses, strict=True):
            assert ours.tokens == exported.tokens
            assert exported.score == pytest.approx(ours.score, rel=1e-5, abs=1e-4)
            assert exported.token_log_probabilities == pytest.approx(ours.token_log_probabilities, rel=1e-4, abs=1e-4)


def alike(ours, its) -> tuple[list, list]:
    """Ours of the lines that both translate alike, down to the numbers, and the pairs that differ."""
    equal, other = [], []
    for mine, exported in zip(ours, its, strict=True):
        (equal if mine.text == exported.text else other).append((mine, exported))
    same(*zip(*equal, strict=True))
    return [mine for mine, _ in equal], other


@pytest.mark.parametrize("options", pairwise("transformer", EXPORTABLE), ids=_name)
def test_every_option_gives_the_same_scores_and_translations(tmp_path, options):
    sizes = {"width": 16, "feed_forward": 20, "max_length": 30, "scale": 1.5}
    model = tiny_bundle.save(tmp_path / "model", **sizes, **options)
    exported = export_to(tmp_path / "out", model)
    assert exported.agreement.score_difference < 1e-4
    ours, other = (
        Translator.load(each, device="cpu", precision="float32", threads=1) for each in (model, tmp_path / "out")
    )
    for mine, its in zip(ours.score(PAIRS), other.score(PAIRS), strict=True):
        assert its.tokens == mine.tokens
        assert its.token_log_probabilities == pytest.approx(mine.token_log_probabilities, rel=1e-4, abs=1e-4)
    same(ours.translations(LINES, beam=1), other.translations(LINES, beam=1))
    # CTranslate2 divides the probability of padding among the pieces, which an untrained model gives to it
    assert len(alike(ours.translations(LINES, beam=4), other.translations(LINES, beam=4))[1]) <= 1


def test_what_chooses_among_hypotheses_does_so_among_its(folders, engines):
    """Minimum Bayes risk and reranking, by an exported model and of its hypotheses."""
    found = [[each.translate(TEXT, n_best=3, mbr=measure) for measure in ("chrf", "bleu")] for each in engines]
    assert found[0] == found[1]
    where = {"device": "cpu", "precision": "float32", "threads": 1, "n_best": 3}
    pairs = product(folders, folders)
    found = [Translator.load(one, rerank={other: 1}, **where).translate(TEXT) for one, other in pairs]
    assert found == [found[0]] * 4


def test_right_to_left(tmp_path):
    model = changed(tiny_bundle.save(tmp_path / "saved"), tmp_path / "model", "left_to_right", "right_to_left")
    exported = export_to(tmp_path / "out", model)
    assert exported.agreement.score_difference < 1e-4
    ours, other = (Translator.load(each, device="cpu", precision="float32") for each in (model, tmp_path / "out"))
    assert ours.translate(TEXT) == other.translate(TEXT) != Translator.load(tmp_path / "saved").translate(TEXT)


@pytest.mark.parametrize(
    "settings", [{}, {"max_length": 3}, {"max_length": 200}, {"min_length": 40}, {"length_penalty": 0},
                 {"batch_tokens": 1}, {"max_length_factor": 0.3, "max_length_extra": 1},
                 {"no_repeat_ngram": 2, "repetition_guard": False}],
)  # fmt: skip
def test_greedy_search_is_ours_with_all_its_limits(engines, settings):
    ours, exported = (list(each.translations(LINES, beam=1, **settings)) for each in engines)
    same(ours, exported)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """Both engines with a model that has learnt to end."""
    folder = tmp_path_factory.mktemp("taught")
    path = tiny_bundle.save(folder / "model", scale=1)
    loaded = bundle.load(path)
    src = pad([[*ids, EOS] for ids in loaded.tokenizers.source.encode(TEXT)])
    tgt_in = torch.cat([torch.full_like(src[:, :1], BOS), src[:, :-1]], 1)
    optimizer = torch.optim.Adam(loaded.model.requires_grad_().parameters(), 0.01)
    for _ in range(60):
        logits = loaded.model.project(loaded.model(src, tgt_in).hidden)
        loss = F.cross_entropy(logits.flatten(0, 1), src.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tensors.write(path / bundle.WEIGHTS, {name: each.detach() for name, each in loaded.model.named_parameters()})
    bundle.seal(path)
    export_to(folder / "out", path)
    return [Translator.load(each, device="cpu", precision="float32", threads=1) for each in (path, folder / "out")]


@pytest.mark.parametrize(
    "settings", [{}, {"length_penalty": 0, "n_best": 4}, {"beam": 2}, {"beam": 9, "length_penalty": 0.6},
                 {"max_length_factor": 3}, {"max_length": 8}, {"max_length_factor": 0.3, "max_length_extra": 1}],
)  # fmt: skip
def test_beam_search_is_ours_but_stops_though_one_alive_is_ahead(taught, settings):
    text = [*MARKED[:20], *(" ".join(line.split()[first : first + 6]) for line in TEXT for first in range(5))]
    equal, other = alike(*(each.translations(text, **{"beam": 4, **settings}) for each in taught))
    assert all(mine.hypotheses[0].score > its.hypotheses[0].score for mine, its in other)
    assert len(equal) > 25  # of 40, by a model that is sure of little
    assert len({len(mine.hypotheses[0].tokens) for mine in equal}) > 2


def test_several_hypotheses_at_the_limit(engines):
    """Of a model that learnt nothing, so that all come to it; CTranslate2 keeps fewer than K of those that go on."""
    ours, exported = (list(each.translations(MARKED[:100], beam=4, n_best=3, max_length=6)) for each in engines)
    assert sum(mine.text == its.text for mine, its in zip(ours, exported, strict=True)) >= 99
    for each in exported:
        scores = [hypothesis.score for hypothesis in each.hypotheses]
        assert scores == sorted(scores, reverse=True) and len({tuple(one.tokens) for one in each.hypotheses}) == 3
        for found in each.hypotheses:
            assert len(found.tokens) <= 7 and found.tokens[-1] == "</s>" and not {"<pad>", "<s>"} & {*found.tokens}
            assert found.log_probability == pytest.approx(sum(found.token_log_probabilities))
            assert found.score == pytest.approx(found.log_probability / len(found.tokens))


def test_without_details_the_text_is_the_same(engines):
    for settings in ({"beam": 1}, {"beam": 4}):
        detailed = [each.text for each in engines[1].translations(LINES, **settings)]
        assert engines[1].translate(LINES, **settings) == detailed


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
def test_lines_keep_their_order_whatever_the_threads(engines, folders, monkeypatch, threads):
    monkeypatch.setattr(windows, "READ_AHEAD", 20)
    text, settings = [*MARKED[:150], ""] * 2, {"beam": 1, "max_length": 4, "batch_tokens": 300}
    exported = Translator.load(folders[1], device="cpu", threads=threads)
    found = [each.text for each in exported.translations(iter(text), workers=None, details=False, **settings)]
    assert found == engines[0].translate(text, **settings)
    pairs = list(zip(text, text[::-1], strict=True))
    scores = [each.log_probability for each in exported.scores(pairs)]
    ours = [each.log_probability for each in engines[0].scores(pairs)]
    assert scores == pytest.approx(ours, abs=1e-3, nan_ok=True)


def test_the_engine_alone_searches_and_scores(engines):
    """As the torch engine does, of which nobody has to know who shares out its work."""
    ours, exported = (each.engine for each in engines)
    sources, search = [[5, 6, 2], [7, 2]], engines[0].search.model_copy(update={"beam": 1, "max_length": 4})
    mine, its = (each.search(sources, search, attention=None, details=False) for each in (ours, exported))
    assert [each.hypotheses[0].ids for each in its] == [each.hypotheses[0].ids for each in mine]
    mine, its = (each.score(sources, [[5], [6, 7]], batch_tokens=100) for each in (ours, exported))
    for one, other in zip(mine, its, strict=True):
        assert other == pytest.approx(one, abs=1e-3)


def test_a_reader_that_leaves_ends_the_work(engines):
    found = engines[1].translations((f"Line {number}." for number in range(10**9)), beam=1, max_length=2)
    assert next(found).source == "Line 0."
    found.close()


def test_the_longest_translation_is_as_long_as_ours():
    """In float32, in which ours multiplies."""
    model = type("Model", (), {"max_length": 90})
    for factor in (0, 0.1, 0.57, 0.7, 1, 1.1, 2, 3.3):
        for limits in ({}, {"min_length": 20}, {"max_length": 30, "min_length": 7}):
            settings = SearchConfig(max_length_factor=factor, max_length_extra=3, **limits)
            src = torch.ones(99, 100, dtype=torch.long).tril(1)
            src[:, 0] = 1
            pieces = ((src != PAD).sum(1) - 1).tolist()
            found = [ctranslate2_search.most_pieces(each, settings, 90) for each in pieces]
            assert found == search.most_pieces(model, src, settings).tolist()


def test_what_the_engine_cannot_do_is_refused_by_name(engines, folders):
    with pytest.raises(ConfigError, match="sample: CTranslate2"):
        engines[1].translate(TEXT, sample=True)
    with pytest.raises(ConfigError, match="attention: CTranslate2"):
        list(engines[1].translations(TEXT, attention=True))
    with pytest.raises(NMTError, match='finds no device "mps"'):
        Translator.load(folders[1], device="mps")


def test_damage_is_told(tmp_path, folders):
    for name in ("model.bin", "config.json", "shared_vocabulary.json", "source.model", "config.yaml"):
        copied = tmp_path / "copy"
        copied.mkdir(exist_ok=True)
        for file in folders[1].iterdir():
            (copied / file.name).write_bytes(file.read_bytes())
        content = bytearray((copied / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copied / name).write_bytes(content)
        with pytest.raises(CheckpointError, match=name):
            Translator.load(copied)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        bundle.load(folders[1])


def test_a_file_that_ctranslate2_cannot_read_is_told(tmp_path, folders):
    for file in folders[1].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model.bin").write_bytes(b"\xff" * 100)
    run._sum(tmp_path)
    with pytest.raises(CheckpointError, match=r"model\.bin: does not fit its config and tokenizers: its first bytes"):
        Translator.load(tmp_path)


def test_an_exception_of_the_engine_is_one_line(folders, monkeypatch):
    translator = Translator.load(folders[1], threads=1)

    def fail(*_, **__):
        raise RuntimeError("bad\n\x1b[2J alloc")

    run = type("Run", (), {"translate_batch": fail, "score_batch": fail})()
    monkeypatch.setattr(translator.engine, "_model", translator.engine._model._replace(run=run))
    for work in (lambda: translator.translate(TEXT), lambda: translator.score(PAIRS)):
        with pytest.raises(CheckpointError, match=r"CTranslate2 cannot \w+: bad\\n\\x1b\[2J alloc") as caught:
            work()
        assert caught.value.hint


@pytest.mark.parametrize("options", pairwise("transformer", EXPORTABLE), ids=_name)
def test_the_layout_is_that_of_the_converter_of_ctranslate2(options):
    """Its specification names every variable that CTranslate2 may ask for, and has the values of the settings."""
    from ctranslate2 import specs

    config = TypeAdapter(ModelConfig).validate_python({"type": "transformer", "width": 16, **options})
    layout = ctranslate2_format.layout(config, 50, 40 if config.tied_embeddings != "all" else 50)
    activation = {"relu": "RELU", "gelu": "GELU", "swiglu": "SWISH"}[config.activation]
    its = {
        "pre_norm": config.norm == "pre", "activation": specs.Activation[activation],
        "ffn_glu": config.activation == "swiglu", "num_heads_kv": config.key_value_heads,
    }  # fmt: skip
    if config.positions == "rotary":
        its |= {"rotary_dim": config.width // config.heads, "rotary_interleave": True}
    spec = specs.TransformerSpec(
        specs.TransformerEncoderSpec(config.encoder_layers, config.heads, **its),
        specs.TransformerDecoderSpec(config.decoder_layers, config.heads, **its),
    )
    assert form_of(spec) == ctranslate2_format.HEAD[4:]
    wanted = spec.variables()
    required = {name for name, value in wanted.items() if value is None}
    settings = {name: value for name, value in layout.variables.items() if name in wanted.keys() - required}
    assert required <= {*layout.variables, *layout.aliases}
    assert settings == {name: value for name, value in wanted.items() if value is not None}
    optional = {*layout.variables, *layout.aliases} - wanted.keys()
    assert {name.rsplit("/", 1)[1] for name in optional} <= {"bias", "encodings"}


def test_a_variable_that_is_too_large_for_the_format_is_refused():
    config = TypeAdapter(ModelConfig).validate_python({"type": "transformer", "width": 2048})
    name = "decoder/embeddings/weight"
    variable = ctranslate2_format.layout(config, 1 << 20, 1 << 20).variables[name]
    large, small = (next(ctranslate2_format.entries(name, variable, kind)) for kind in ("float32", "int8"))
    with pytest.raises(NMTError, match=r"8,589,934,592 bytes\): CTranslate2's format holds at most 4,294,967,295"):
        ctranslate2_format.packed(large)
    assert ctranslate2_format.packed(small)


def form_of(spec) -> bytes:
    """Kind and revision as a file has them."""
    name = spec.name.encode() + b"\0"
    return struct.pack(f"<H{len(name)}sI", len(name), name, spec.revision)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A model with weights of a usual size, and how many bytes it has when it is exported in float32. Doubled weights,
    as in `folders`, tell engines apart; they also double what rounding does, which differs between processors."""
    folder = tmp_path_factory.mktemp("usual")
    export_to(folder / "out", tiny_bundle.save(folder / "model", scale=1))
    return folder / "model", sum(each.stat().st_size for each in (folder / "out").iterdir())


@pytest.mark.parametrize("quantization", ["int8", "int16", "bfloat16"])
def test_coarser_numbers_are_measured(tmp_path, usual, quantization):
    model, size = usual
    exported = export_to(tmp_path / "out", model, quantization=quantization)
    assert 0 < exported.agreement.score_difference < 0.5 and exported.bytes < size
    assert len(Translator.load(tmp_path / "out").translate(TEXT)) == len(TEXT)


def test_another_model_is_not_kept(tmp_path, folders, monkeypatch):
    written = run.ctranslate2.write

    def write(folder, original, **options):
        original.model.embeddings.target_weight.data[5:] *= 1.01
        written(folder, original, **options)
        original.model.embeddings.target_weight.data[5:] /= 1.01

    monkeypatch.setattr(run.ctranslate2, "write", write)
    with pytest.raises(CheckpointError, match="computes another model"):
        export_to(tmp_path / "out", folders[0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("settings", [
    {"sample": True, "temperature": 0.5, "top_k": 3, "n_best": 2}, {"mbr": "chrf", "beam": 3, "n_best": 3},
])  # fmt: skip
def test_a_config_that_samples_or_chooses_is_compared_by_search(engines, settings):
    search = SearchConfig(**settings)
    found = agreement(*(Translator(each.engine, each.tokenizers, search) for each in engines), TEXT)
    assert found.lines == found.greedy == len(TEXT) and found.score_difference < 1e-4


def test_the_page_says_how_far_both_agree(folders):
    page = (folders[1] / "README.md").read_text(encoding="utf-8")
    assert "This copy" in page and "Of 4 lines 4 come out" in page


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_line_without_a_number_is_no_agreement(engines, monkeypatch, place):
    ours, other = engines

    def scores(pairs):
        found = ours.score(pairs)
        found[place] = found[place]._replace(log_probability=float("nan"))
        return found

    monkeypatch.setattr(other, "score", scores)
    assert np.isnan(agreement(ours, other, TEXT).score_difference)


def test_the_place_of_an_export(tmp_path, folders, monkeypatch):
    model, exported = folders
    (tmp_path / ".out.00000001.tmp").mkdir()
    export_to(tmp_path / "out", model)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "what a crash left is cleared away"
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(NMTError, match="is where you are"):
        export_to(".", model, force=True)
    before = bundle.version(exported)
    assert before is not None and bundle.version(tmp_path / "out") != before == bundle.version(exported)


def test_an_export_is_not_exported(tmp_path, folders):
    with pytest.raises(CheckpointError, match="was exported already"):
        export_to(tmp_path / "out", folders[1])


def test_it_needs_no_torch(folders):
    code = """
import sys
from nmt import Translator
print(Translator.load(sys.argv[1], threads=1).translate(["A man."]), "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, folders[1]], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.endswith("] False\n")


def test_ctranslate2_that_is_missing_is_told(folders, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    for work in (lambda: Translator.load(folders[1]), lambda: export_to(tmp_path / "out", folders[0])):
        with pytest.raises(NMTError, match="not installed") as told:
            work()
        assert told.value.hint == 'pip install "ctranslate2>=4.8.5"'
    assert np.isfinite(Translator.load(folders[0]).score(PAIRS[:1])[0].log_probability)
