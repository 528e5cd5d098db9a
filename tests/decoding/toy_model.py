"""A model whose every probability is known, tiny real ones, and sources for them."""

from typing import NamedTuple

import torch
from stepwise import scan
from torch import Tensor, nn

from nmt.config import AttentionRNNConfig, GRUConfig, NTMConfig, TransformerConfig
from nmt.ids import BOS, EOS, PAD
from nmt.models import build
from nmt.models.base import Attention, Decoded, Seq2Seq, Step

ROWS = 997


class Encoded(NamedTuple):
    code: Tensor  # [B]


class State(NamedTuple):
    code: Tensor  # [B, K]


class Toy(Seq2Seq):
    """The logits are a table's row, the row a hash of the source and of all that precedes."""

    def __init__(self, vocabulary: int = 6, *, seed: int = 0, sharpness: float = 1.5, max_length: int = 50):
        super().__init__()
        self.max_length = max_length
        generator = torch.Generator().manual_seed(seed)
        self.table = nn.Parameter(sharpness * torch.randn(ROWS, vocabulary, generator=generator, dtype=torch.float64))

    def encode(self, src: Tensor) -> Encoded:
        code = torch.zeros(len(src), dtype=torch.long)
        for column in src.unbind(1):
            code = torch.where(column == PAD, code, (code * 37 + column) % ROWS)
        return Encoded(code)

    def start(self, encoded: Encoded, beams: int) -> State:
        return State(encoded.code[:, None].repeat(1, beams))

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        code = (state.code * 41 + token + 3 * encoded.code[:, None]) % ROWS
        return Step(self.table[code], State(code))

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        return Decoded(scan(self, src, tgt_in))

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return hidden if vocabulary is None else hidden[..., vocabulary]

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        return Attention()


SMALL = {"max_length": 24}
REAL = {
    "gru": GRUConfig(type="gru", embedding=8, hidden=8, **SMALL),
    "attention_rnn": AttentionRNNConfig(type="attention_rnn", embedding=8, hidden=8, attention=8, **SMALL),
    "ntm": NTMConfig(type="ntm", embedding=8, hidden=8, slots=12, slot_width=5, read_heads=2, **SMALL),
    "transformer": TransformerConfig(
        type="transformer", width=8, heads=2, feed_forward=16, encoder_layers=1, decoder_layers=2,
        tied_embeddings="target", **SMALL,
    ),
}  # fmt: skip


def real_model(name: str, *sizes: int) -> Seq2Seq:
    torch.manual_seed(1)
    model = build(REAL[name], *(sizes or (12, 9))).double().eval()
    for parameter in model.parameters():
        parameter.data *= 3  # fresh weights predict almost uniformly; these have opinions
    return model


def sources(rows: int, *, vocabulary: int = 12, longest: int = 7, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    src = torch.full((rows, longest + 1), PAD)
    for row in src:
        length = int(torch.randint(1, longest + 1, (1,), generator=generator))
        row[:length] = torch.randint(EOS + 1, vocabulary, (length,), generator=generator)
        row[length] = EOS
    return src


def token_log_probabilities(model, source: torch.Tensor, ids: list[int]) -> list[float]:
    """Teacher forcing through `forward`: nothing cached, nothing batched."""
    source = source[source != PAD][None]
    logits = model.project(model.forward(source, torch.tensor([[BOS, *ids]])).hidden)[0]
    return logits.log_softmax(-1)[torch.arange(len(ids) + 1), [*ids, EOS]].tolist()
