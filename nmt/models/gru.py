"""The recurrent encoder-decoder without attention (Sutskever 2014; Cho 2014).

    encoder     h_1 .. h_S = RNN(E_x x_1 .. E_x x_S),   c = [h_S forwards; h_1 backwards]
    start       s_0 = tanh(W_0 c), for each layer
    decoder     s_t = cell([E_y y_{t-1}; c], s_{t-1})                                    (Cho 2014, A.2)
    readout     o_t = tanh(W_o [s_t; E_y y_{t-1}; c]),   p(y_t | y_<t, x) = softmax(W o_t)

All that the decoder knows of the source is the one vector c, whatever the source's length: the limit that attention
lifts.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import GRUConfig
from nmt.ids import PAD
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.recurrent import RecurrentEncoder, RecurrentLayer, state_width
from nmt.models.base import Attention, Cut, Decoded, Parts, Seq2Seq, Step, numbered

# B batch, K hypotheses, S source, T target, E embedding, D decoder state, C summary


class Encoded(NamedTuple):
    summary: Tensor  # c [B, C]


class State(NamedTuple):
    layers: Tensor  # s [B, K, layer, D]


class GRU(Seq2Seq):
    """Encoder and decoder share nothing but the summary c; the cell is rnn, gru or lstm."""

    def __init__(self, config: GRUConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length = config.max_length
        self.embeddings = Embeddings(source_size, target_size, config.embedding, config.tied_embeddings)
        self.encoder = RecurrentEncoder(
            config.cell, config.embedding, config.hidden, config.encoder_layers, config.bidirectional, config.dropout
        )
        summary, layers = self.encoder.width, config.decoder_layers
        self.bridge = nn.Linear(summary, layers * state_width(config.cell, config.hidden))
        sizes = [config.embedding + summary] + [config.hidden] * (layers - 1)
        self.decoder = nn.ModuleList(RecurrentLayer(config.cell, size, config.hidden) for size in sizes)
        self.readout = nn.Linear(config.hidden + config.embedding + summary, config.embedding)
        self.dropout = Dropout(config.dropout)

    def encode(self, src: Tensor, cut: Tensor | None = None) -> Encoded:
        _, summary = self.encoder(self.embeddings.source(src, cut), src != PAD)
        return Encoded(summary)

    def start(self, encoded: Encoded, beams: int) -> State:
        first = self.bridge(encoded.summary).tanh().unflatten(-1, (len(self.decoder), -1))
        return State(first[:, None].expand(-1, beams, -1, -1).contiguous())

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        summary = encoded.summary.repeat_interleave(token.size(1), 0)
        embedded = self.embeddings.target(token.reshape(-1, 1))
        hidden, layers = self._decode(embedded, summary, state.layers.flatten(0, 1))
        return Step(hidden.view(*token.shape, -1), State(layers.view(state.layers.shape)))

    def forward(self, src: Tensor, tgt_in: Tensor, cut: Cut = Cut()) -> Decoded:
        encoded = self.encode(src, cut.source)
        embedded = self.embeddings.target(tgt_in, cut.target)
        hidden, _ = self._decode(embedded, encoded.summary, self.start(encoded, 1).layers[:, 0])
        return Decoded(hidden)

    def _decode(self, embedded: Tensor, summary: Tensor, layers: Tensor) -> tuple[Tensor, Tensor]:
        """E_y y [B, T, E], c [B, C] and s before them [B, layer, D] -> o [B, T, E] and s after them."""
        embedded = self.dropout(embedded)
        context = summary[:, None].expand(-1, embedded.size(1), -1)
        x = torch.cat([embedded, context], -1)
        states = []
        for layer, before in zip(self.decoder, layers.unbind(1), strict=True):
            h, after = layer(x, before)
            states.append(after)
            x = self.dropout(h)
        hidden = self.readout(torch.cat([x, embedded, context], -1)).tanh()
        return self.dropout(hidden), torch.stack(states, 1)

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)

    def parts(self) -> Parts:
        whole = {"encoder": (self.encoder,), "decoder": (self.bridge, self.decoder, self.readout)}
        layers = numbered("encoder", self.encoder.layers()) | numbered("decoder", self.decoder)
        return self.embeddings.parts() | whole | layers

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        return Attention()
