"""Several models as one: held to the averaged probabilities themselves, and to the laws of a single model."""

import json
from itertools import product

import pytest
import tiny_bundle
import torch
from stepwise import scan
from tiny_bundle import TEXT, changed
from toy_model import REAL, Toy, real_model, sources, token_log_probabilities

from nmt import Translator, bundle
from nmt.config import SearchConfig
from nmt.decoding.ensemble import Ensemble
from nmt.decoding.forced import log_probabilities
from nmt.decoding.sampling import draw
from nmt.decoding.search import beam_search
from nmt.errors import ConfigError
from nmt.ids import BOS, EOS, UNK

SRC = sources(9)
EXACT = {"rtol": 0, "atol": 1e-9}


def members() -> list:
    """Every type of model."""
    return [real_model(name) for name in REAL]


def some_targets() -> list[list[int]]:
    return [[4, 5, 6, 7, 8][: row % 6] for row in range(len(SRC))]


def test_a_model_with_itself_is_the_model():
    for model in members():
        twice = Ensemble([model, model])
        for search in (SearchConfig(beam=3, n_best=3, max_length=6), SearchConfig(beam=1, max_length=6)):
            for ours, one in zip(beam_search(twice, SRC, search), beam_search(model, SRC, search), strict=True):
                assert [each.ids for each in ours] == [each.ids for each in one]
                assert [each.score for each in ours] == pytest.approx([each.score for each in one], abs=1e-5)
        drawing = SearchConfig(sample=True, n_best=4, max_length=6)
        drawn = (draw(each, SRC, drawing, range(len(SRC))) for each in (twice, model))
        assert len({str([[each.ids for each in row] for row in rows]) for rows in drawn}) == 1


def test_each_step_is_the_mean_of_the_probabilities():
    models, targets = members(), some_targets()
    found = log_probabilities(Ensemble(models), SRC, targets)
    for source, ids, logs in zip(SRC, targets, found, strict=True):
        each = torch.tensor([token_log_probabilities(model, source, ids) for model in models])
        assert logs == pytest.approx(each.exp().mean(0).log().tolist(), abs=1e-5)


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_large_beam_is_brute_force_over_averaged_probabilities(alpha):
    models, longest = [Toy(6, seed=1), Toy(6, seed=2, sharpness=3)], 3
    search = SearchConfig(beam=60, n_best=10, max_length=longest, length_penalty=alpha)
    for source, found in zip(SRC, beam_search(Ensemble(models), SRC, search), strict=True):
        scores = {}
        for length in range(longest + 1):
            for ids in product(range(UNK, 6), repeat=length):
                each = torch.tensor([token_log_probabilities(model, source, list(ids)) for model in models])
                scores[ids] = float(each.exp().mean(0).log().sum()) / (length + 1) ** alpha
        best = sorted(scores, key=scores.get, reverse=True)[:10]
        assert [tuple(each.ids) for each in found] == best
        assert [each.score for each in found] == pytest.approx([scores[ids] for ids in best], abs=1e-4)


def test_it_keeps_the_contract():
    ensemble = Ensemble(members())
    tgt_in = torch.randint(UNK, 9, (len(SRC), 5))
    tgt_in[:, 0] = BOS
    logits = ensemble.project(ensemble(SRC, tgt_in).hidden)
    torch.testing.assert_close(ensemble.project(scan(ensemble, SRC, tgt_in)), logits, **EXACT)
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(len(SRC), 5, dtype=torch.double), **EXACT)
    some = torch.tensor([EOS, 7])
    hidden = ensemble(SRC, tgt_in).hidden
    torch.testing.assert_close(ensemble.project(hidden, some), logits[..., some], **EXACT)
    assert ensemble.max_length == 24 == min(each.max_length for each in ensemble.members)


def test_a_row_alone_is_the_row_in_the_batch():
    ensemble, search = Ensemble(members()), SearchConfig(beam=4, n_best=2, max_length=8)
    together = beam_search(ensemble, SRC, search)
    for row, found in zip(SRC, together, strict=True):
        (alone,) = beam_search(ensemble, row[None, : int((row == EOS).nonzero()) + 1], search)
        assert [each.ids for each in alone] == [each.ids for each in found]


def test_attention_is_the_mean_of_the_members():
    attending = [real_model("attention_rnn"), real_model("transformer")]
    tgt_in = torch.tensor([[BOS, 4, 5]] * len(SRC))
    maps = Ensemble(attending).explain(SRC, tgt_in)
    expected = sum(model.explain(SRC, tgt_in).cross.mean((1, 2)) for model in attending) / 2
    torch.testing.assert_close(maps.cross[:, 0, 0], expected, **EXACT)
    assert maps.encoder is maps.decoder is None
    assert Ensemble([*attending, real_model("gru")]).explain(SRC, tgt_in).cross is None


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    recurrent = {"type": "gru", "embedding": 16, "hidden": 16, "tied_embeddings": "all"}
    return [tiny_bundle.save(folder / "transformer"), tiny_bundle.save(folder / "gru", scale=6, **recurrent)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_loaded_together(paths, precision):
    one, other, both = (
        Translator.load(path, device="cpu", precision=precision) for path in (paths[0], paths[1], paths)
    )
    assert both.engine.precision == precision and both.search == one.search
    found = both.translate(TEXT)
    assert found != one.translate(TEXT) and found != other.translate(TEXT)
    if precision == "float32":
        assert [both.translate([line])[0] for line in TEXT] == found
    pairs = list(zip(TEXT, TEXT[::-1], strict=True))
    for mixed, *alone in zip(both.score(pairs), one.score(pairs), other.score(pairs), strict=True):
        probabilities = torch.tensor([each.token_log_probabilities for each in alone]).exp()
        assert mixed.token_log_probabilities == pytest.approx(probabilities.mean(0).log().tolist(), abs=2e-2)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda path, to: tiny_bundle.save(to, tied_embeddings="target"), "different target vocabularies"),
        (lambda path, to: changed(path, to, "target_language: en", "target_language: fr"), "translate en-en and en-fr"),
        (lambda path, to: changed(path, to, "left_to_right", "right_to_left"), "begin at different ends"),
    ],
)
def test_what_does_not_go_together_is_refused(paths, tmp_path, other, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Translator.load([paths[0], other(paths[0], tmp_path / "other")], device="cpu")
    assert caught.value.hint


def test_members_know_the_same_tags(tmp_path):
    both = tiny_bundle.save(tmp_path / "both", tags=["de", "fr"])
    tags, other = bundle.read(both).tokenizers.source.tags, changed(both, tmp_path / "other", "beam: 3", "beam: 3")
    assert Translator.load([both, other], device="cpu", tag="fr").translate(TEXT[:1])
    for wrong in ({"fr": tags["de"], "de": tags["fr"]}, {"de": tags["de"]}, {}):
        (other / "tags.json").write_text(json.dumps(wrong), encoding="utf-8")
        bundle.seal(other)
        with pytest.raises(ConfigError, match=r"different tags \(de, fr and (fr, de|de|none)\)"):
            Translator.load([both, other], device="cpu", tag="fr")


def test_an_exported_model_is_no_member(paths, tmp_path):
    (changed(paths[0], tmp_path / "exported", "beam: 3", "beam: 3") / "model.bin").touch()
    with pytest.raises(ConfigError, match="CTranslate2 tells no probabilities"):
        Translator.load([paths[0], tmp_path / "exported"], device="cpu")
