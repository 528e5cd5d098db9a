"""The start of deep Transformers: the published scales, and that they let a deep post-norm model learn."""

import pytest
import torch
import torch.nn.functional as F
from variants import config_of, model_of

from nmt.config.export import obstacle
from nmt.ids import BOS, EOS
from nmt.layers.deep import scales
from nmt.models import build

KINDS = {"width": 16, "heads": 2, "feed_forward": 32, "dropout": 0.0, "type": "transformer"}


def fresh(**settings):
    torch.manual_seed(1)
    return build(config_of(KINDS | settings), 11, 11)


def test_the_scales_are_the_published_ones():
    """DeepNet, table of section 4, for 6 and 6 layers; GPT-2 for 12 branches."""
    encoder, decoder = scales("post", 6, 6)
    assert encoder.residual == pytest.approx(0.81 * 6 ** (5 / 16)) and decoder.residual == pytest.approx(18**0.25)
    assert encoder.inner == encoder.last == pytest.approx(0.87 * 6 ** (-5 / 16))
    assert decoder.inner == decoder.last == pytest.approx(72**-0.25)
    assert scales("pre", 6, 4) == ((1.0, 1.0, 12**-0.5), (1.0, 1.0, 12**-0.5))


@pytest.mark.parametrize("activation", ["relu", "swiglu"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_weights_are_the_usual_ones_scaled(norm, activation):
    plain, deep = (fresh(init=init, norm=norm, activation=activation) for init in ("xavier", "deep"))
    _, of = scales(norm, 3, 3)
    usual, scaled = (dict(model.decoder[0].named_parameters()) for model in (plain, deep))
    expected = {name: torch.ones_like(weight) for name, weight in usual.items()}
    for part in ("self_attention", "cross_attention"):
        expected[f"{part}.key_value.weight"][16:] = of.inner
        expected[f"{part}.output.weight"][:] = of.last
    expected["feed_forward.expand.weight"][32 if activation == "swiglu" else 0 :] = of.inner
    expected["feed_forward.contract.weight"][:] = of.last
    for name, weight in usual.items():
        torch.testing.assert_close(scaled[name], weight * expected[name], msg=name)
    assert deep.decoder[0].around_cross.residual == of.residual


def test_the_residual_counts_a_times():
    model = model_of({"type": "transformer", "norm": "post", "init": "deep"})
    around, x = model.encoder[0].around_self, torch.randn(2, 3, 8, dtype=torch.float64)
    torch.testing.assert_close(around(x, torch.sin), around.norm(scales("post", 3, 3)[0].residual * x + x.sin()))


def test_what_is_not_known_is_refused():
    for kind in ("average", "ssru"):
        (found,) = config_of({"type": "transformer", "init": "deep", "decoder_attention": kind}).conflicts()
        assert "not for" in found.message
    assert "DeepNorm" in obstacle(config_of({"type": "transformer", "init": "deep", "norm": "post"}))
    assert obstacle(config_of({"type": "transformer", "init": "deep", "norm": "pre"})) is None


def loss_after(steps: int, init: str) -> float:
    """Of a post-norm model of 12 and 12 layers that learns to copy, at a rate that is high and without warm-up."""
    model, draw = fresh(init=init, norm="post", encoder_layers=12, decoder_layers=12), torch.Generator().manual_seed(2)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.98), eps=1e-9), []
    for _ in range(steps):
        letters = torch.randint(4, 11, (48, 5), generator=draw)
        src, tgt_in = F.pad(letters, (0, 1), value=EOS), F.pad(letters, (1, 0), value=BOS)
        loss = F.cross_entropy(model.project(model(src, tgt_in).hidden).flatten(0, 1), src.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


def test_a_deep_post_norm_model_learns_where_the_plain_one_does_not():
    """Who knows the letters, but neither source nor end, loses 2.07 nats; who knows the end, 1.62."""
    assert loss_after(40, "deep") < 1.6
    assert loss_after(40, "xavier") > 2.0
