"""The Transformer learns with each of its kinds of attention."""

import pytest
import torch
from batches import batch_of

from nmt.config import SearchConfig, TransformerConfig
from nmt.data.batching import Batch
from nmt.decoding.search import beam_search
from nmt.models import build
from nmt.training import loss

WORDS = range(4, 12)
UPDATES = 400
SIZES = {
    "width": 32, "heads": 4, "feed_forward": 32, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0,
    "max_length": 10, "window": 2,
}  # fmt: skip
OPTIONS = [
    {"norm": "pre"},
    {"encoder_attention": "local", "decoder_attention": "ssru", "key_value_heads": 1},
    {"encoder_attention": "linear", "decoder_attention": "average"},
    {"encoder_attention": "local", "decoder_attention": "local", "positions": "relative"},
    {"encoder_attention": "linear", "decoder_attention": "linear", "key_value_heads": 2},
    *({"score": score, "positions": "relative"} for score in ("dot", "additive", "general")),
    *({"weighting": weighting, "positions": "rotary"} for weighting in ("sparsemax", "entmax15", "sigmoid")),
]


def copies(count: int, generator: torch.Generator) -> Batch:
    """Sentences of two to five words that are their own translation."""
    lengths = torch.randint(2, 6, (count,), generator=generator).tolist()
    rows = [torch.randint(WORDS.start, WORDS.stop, (length,), generator=generator).tolist() for length in lengths]
    return batch_of(rows, rows)


@pytest.mark.soak
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
def test_it_learns_to_copy(options):
    torch.manual_seed(1)
    model = build(TransformerConfig(type="transformer", **SIZES, **options), WORDS.stop, WORDS.stop).train()
    optimizer, generator = torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(1)
    for update in range(UPDATES):
        optimizer.param_groups[0]["lr"] = 5e-3 * min(1, update / 10) * (1 - update / UPDATES)
        loss.forward_backward(model, copies(64, generator), smoothing=0.0, device=torch.device("cpu"))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    src = copies(50, generator).src
    found = beam_search(model.eval(), src, SearchConfig(beam=2))
    wanted = [[each for each in row if each in WORDS] for row in src.tolist()]
    assert sum(best[0].ids == ids for best, ids in zip(found, wanted, strict=True)) >= 45
