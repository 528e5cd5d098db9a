"""The attention RNN (Bahdanau 2015; scores of Luong 2015).

    encoder     h_1 .. h_S = bidirectional RNN(E_x x_1 .. E_x x_S)                       (3.2)
    start       s_0 = tanh(W_0 [h_S forwards; h_1 backwards]), for each layer
    attention   e_tj = score(s_{t-1}, h_j),  alpha_t = softmax(e_t),  c_t = sum_j alpha_tj h_j    (eq. 5, 6)
    decoder     s_t = cell([E_y y_{t-1}; c_t], s_{t-1})                                  (A.2.2)
    readout     o_t = tanh(W_o [s_t; E_y y_{t-1}; c_t]),   p(y_t | y_<t, x) = softmax(W o_t)

The decoder asks the source anew at every position. A second decoder layer reads the first one's states; s above is the
first layer's. The published readout has a maxout where ours has tanh.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import AttentionRNNConfig
from nmt.ids import PAD
from nmt.layers.attention import ScoredAttention
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.loop import LoopLinear, Shared, loop, share
from nmt.layers.recurrent import GATES, Cell, RecurrentEncoder, RecurrentLayer, state_width
from nmt.models.base import Attention, Decoded, Seq2Seq, Step

# B batch, K hypotheses, S source, T target, E embedding, A comparison, C annotation, D decoder state, G gates


class Encoded(NamedTuple):
    annotations: Tensor | Shared  # h [B, S, C]; shared by the steps of a time loop
    keys: Tensor  # U h [B, S, A]
    summary: Tensor  # [B, C]
    mask: Tensor  # [B, S]


class State(NamedTuple):
    layers: Tensor  # s [B, K, layer, D]


class AttentionRNN(Seq2Seq):
    """The time loop holds what depends on the state alone; all else is computed for every position at once."""

    def __init__(self, config: AttentionRNNConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length = config.max_length
        width, embedding = config.hidden, config.embedding
        self.embeddings = Embeddings(source_size, target_size, embedding, config.tied_embeddings)
        self.encoder = RecurrentEncoder(
            config.cell, embedding, width, config.encoder_layers, config.bidirectional, config.dropout
        )
        memory = self.encoder.width
        self.attention = ScoredAttention(config.score, width, memory, config.attention)
        self.bridge = nn.Linear(memory, config.decoder_layers * state_width(config.cell, width))
        self.token_gates = nn.Linear(embedding, GATES[config.cell] * width)
        self.context_gates = LoopLinear(memory, GATES[config.cell] * width, bias=False)
        self.cell = Cell(config.cell, width)
        self.upper = nn.ModuleList(RecurrentLayer(config.cell, width, width) for _ in range(config.decoder_layers - 1))
        self.readout = nn.Linear(width + embedding + memory, embedding)
        self.dropout = Dropout(config.dropout)

    def encode(self, src: Tensor) -> Encoded:
        mask = src != PAD
        annotations, summary = self.encoder(self.embeddings.source(src), mask)
        annotations = self.dropout(annotations)
        return Encoded(annotations, self.attention.keys(annotations), summary, mask)

    def start(self, encoded: Encoded, beams: int) -> State:
        first = self.bridge(encoded.summary).tanh().unflatten(-1, (1 + len(self.upper), -1))
        return State(first[:, None].expand(-1, beams, -1, -1).contiguous())

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        embedded, layers = self.embeddings.target(token.flatten()), state.layers.flatten(0, 1)
        first, context, _ = self._attend(self.token_gates(embedded), encoded, layers[:, 0])
        hidden, upper = self._read(first[:, None], embedded[:, None], context[:, None], layers[:, 1:])
        layers = torch.cat([first[:, None], upper], 1)
        return Step(hidden.view(*token.shape, -1), State(layers.view(state.layers.shape)))

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        return Decoded(self._unroll(self.encode(src), tgt_in)[0])

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        _, weights = self._unroll(self.encode(src), tgt_in)
        return Attention(cross=weights[:, None, None])  # one layer, one head

    def _unroll(self, encoded: Encoded, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher forcing: tokens [B, T] -> o [B, T, E], alpha [B, T, S]."""
        embedded = self.dropout(self.embeddings.target(tokens))
        start = self.start(encoded, 1)
        state, steps = start.layers[:, 0, 0], []
        encoded = encoded._replace(annotations=share(encoded.annotations))
        with loop(self):
            for gates in self.token_gates(embedded).unbind(1):
                state, context, weights = self._attend(gates, encoded, state)
                steps.append((state, context, weights))
        states, contexts, weights = (torch.stack(part, 1) for part in zip(*steps, strict=True))
        hidden, _ = self._read(states, embedded, contexts, start.layers[:, 0, 1:])
        return hidden, weights

    def _attend(self, gates: Tensor, encoded: Encoded, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The token's gates [B*K, G] and s_{t-1} [B*K, D] -> s_t, c_t [B*K, C], alpha_t [B*K, S].

        A sentence's K hypotheses are K queries against its annotations, which are not repeated.
        """
        query = self.cell.output(state).unflatten(0, (len(encoded.mask), -1))
        context, weights = self.attention(query, encoded.keys, encoded.annotations, encoded.mask)
        context = context.flatten(0, 1)
        return self.cell(gates + self.context_gates(context), state), context, weights.flatten(0, 1)

    def _read(self, first: Tensor, embedded: Tensor, context: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
        """First-layer states [B, T, D], the upper layers' states before them -> o [B, T, E], upper states after."""
        x = self.dropout(self.cell.output(first))
        states = []
        for layer, before in zip(self.upper, upper.unbind(1), strict=True):
            h, after = layer(x, before)
            states.append(after)
            x = self.dropout(h)
        hidden = self.readout(torch.cat([x, embedded, context], -1)).tanh()
        return self.dropout(hidden), torch.stack(states, 1) if states else upper

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)
