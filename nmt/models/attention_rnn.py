"""The attention RNN (Bahdanau 2015; local attention and input feeding, Luong 2015; hard attention, Xu 2015).

    encoder     h_1 .. h_S = bidirectional RNN(E_x x_1 .. E_x x_S)                       (3.2)
    start       s_0 = tanh(W_0 [h_S forwards; h_1 backwards]), for each layer
    attention   e_tj = score(s_{t-1}, h_j),  alpha_t = softmax(e_t),  c_t = sum_j alpha_tj h_j    (eq. 5, 6)
    decoder     s_t = cell([E_y y_{t-1}; c_t], s_{t-1})                                  (A.2.2)
    readout     o_t = tanh(W_o [s_t; E_y y_{t-1}; c_t]),   p(y_t | y_<t, x) = softmax(W o_t)

The decoder asks the source anew at every position. A second decoder layer reads the first one's states; s above is the
first layer's. The published readout has a maxout where ours has tanh.

Input feeding (Luong 2015, 3.3) gives o_{t-1} to the cell beside y_{t-1}, so that a position knows what the last one
made of its look. Coverage lets the score know where all of them looked (nmt.layers.attention); for softmax there may
stand another weighting (nmt.layers.weighting), and for the whole source a part of it (nmt.layers.scope).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import AttentionRNNConfig
from nmt.ids import PAD
from nmt.layers.attention import Look, Past, ScoredAttention
from nmt.layers.comparison import Compared
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.loop import LoopLinear, Shared, loop, share
from nmt.layers.recurrent import GATES, Cell, RecurrentEncoder, RecurrentLayer, state_width
from nmt.layers.scope import Scope
from nmt.models.base import Attention, Cut, Decoded, Parts, Seq2Seq, Step, numbered

# B batch, K hypotheses, S source, T target, E embedding, A comparison, C annotation, D decoder state, G gates


class Encoded(NamedTuple):
    annotations: Tensor | Shared  # h [B, S, C]; shared by the steps of a time loop
    keys: Tensor | Compared  # U h [B, S, A]
    summary: Tensor  # [B, C]
    mask: Tensor  # [B, S]


class State(NamedTuple):
    layers: Tensor  # s [B, K, layer, D]
    past: Past  # what attention remembers
    readout: Tensor | None  # o_{t-1} [B, K, E] with input feeding


class AttentionRNN(Seq2Seq):
    """The time loop holds what depends on the state alone; all else is computed for every position at once."""

    def __init__(self, config: AttentionRNNConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length, self.entropy = config.max_length, config.entropy
        width, embedding = config.hidden, config.embedding
        self.embeddings = Embeddings(source_size, target_size, embedding, config.tied_embeddings)
        self.encoder = RecurrentEncoder(
            config.cell, embedding, width, config.encoder_layers, config.bidirectional, config.dropout
        )
        memory = self.encoder.width
        self.attention = ScoredAttention(
            config.score, width, memory, config.attention, weighting=config.weighting,
            scope=Scope(config.scope, config.window, width), coverage=config.coverage,
            dropout=config.attention_dropout,
        )  # fmt: skip
        self.bridge = nn.Linear(memory, config.decoder_layers * state_width(config.cell, width))
        self.token_gates = nn.Linear(embedding, GATES[config.cell] * width)
        self.context_gates = LoopLinear(memory, GATES[config.cell] * width, bias=False)
        self.cell = Cell(config.cell, width)
        self.upper = nn.ModuleList(RecurrentLayer(config.cell, width, width) for _ in range(config.decoder_layers - 1))
        self.readout = LoopLinear(width + embedding + memory, embedding)
        self.readout_gates = None
        if config.input_feeding:
            self.readout_gates = LoopLinear(embedding, GATES[config.cell] * width, bias=False)
        self.dropout = Dropout(config.dropout)

    def encode(self, src: Tensor, cut: Tensor | None = None) -> Encoded:
        mask = src != PAD
        annotations, summary = self.encoder(self.embeddings.source(src, cut), mask)
        annotations = self.dropout(annotations)
        return Encoded(annotations, self.attention.keys(annotations), summary, mask)

    def start(self, encoded: Encoded, beams: int) -> State:
        first = self.bridge(encoded.summary).tanh().unflatten(-1, (1 + len(self.upper), -1))
        layers = first[:, None].expand(-1, beams, -1, -1).contiguous()
        feeds = self.readout_gates is not None
        readout = layers.new_zeros(*layers.shape[:2], self.readout.out_features) if feeds else None
        return State(layers, self.attention.start(encoded.keys, beams), readout)

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        embedded = self.embeddings.target(token.flatten())
        hidden, state, _ = self._advance(embedded, self.token_gates(embedded), encoded, state)
        return Step(hidden, state)

    def forward(self, src: Tensor, tgt_in: Tensor, cut: Cut = Cut()) -> Decoded:
        hidden, looks = self._unroll(self.encode(src, cut.source), tgt_in, cut.target)
        if looks[0].draw is None:
            return Decoded(hidden)
        choices, entropy = (torch.cat(part, 1) for part in zip(*(look.draw for look in looks), strict=True))
        return Decoded(hidden, choices, self.entropy * entropy)

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        _, looks = self._unroll(self.encode(src), tgt_in)
        weights = torch.cat([look.weights for look in looks], 1)
        return Attention(cross=weights[:, None, None])  # one layer, one head

    def _unroll(self, encoded: Encoded, tokens: Tensor, cut: Tensor | None = None) -> tuple[Tensor, list[Look]]:
        """Teacher forcing: tokens [B, T] -> o [B, T, E] and the look of each position."""
        embedded = self.dropout(self.embeddings.target(tokens, cut))
        state = self.start(encoded, 1)
        gates = self.token_gates(embedded).unbind(1)
        keys = self.attention.loop_keys(encoded.keys, len(gates))
        encoded = encoded._replace(annotations=share(encoded.annotations), keys=keys)
        with loop(self):
            if self.readout_gates is not None:
                return self._feed(embedded.unbind(1), gates, encoded, state)
            first, past, firsts, looks = state.layers[:, 0, 0], state.past, [], []
            for each in gates:
                first, look = self._look(each, encoded, first, past)
                past = look.past
                firsts.append(first)
                looks.append(look)
        contexts = torch.cat([look.context for look in looks], 1)
        hidden, _ = self._read(torch.stack(firsts, 1), embedded, contexts, state.layers[:, 0, 1:])
        return hidden, looks

    def _feed(self, embedded: tuple, gates: tuple, encoded: Encoded, state: State) -> tuple[Tensor, list[Look]]:
        """The same where each position needs the readout before: all of the decoder is in the loop."""
        hidden, looks = [], []
        for token, each in zip(embedded, gates, strict=True):
            readout, state, look = self._advance(token, each, encoded, state)
            hidden.append(readout)
            looks.append(look)
        return torch.cat(hidden, 1), looks

    def _advance(self, embedded: Tensor, gates: Tensor, encoded: Encoded, state: State) -> tuple[Tensor, State, Look]:
        """One position: E_y y_{t-1} [B*K, E] and its gates [B*K, G] -> o_t [B, K, E], the next state and the look."""
        layers = state.layers.flatten(0, 1)
        if self.readout_gates is not None:
            gates = gates + self.readout_gates(state.readout.flatten(0, 1))
        first, look = self._look(gates, encoded, layers[:, 0], state.past)
        context = look.context.flatten(0, 1)[:, None]
        hidden, upper = self._read(first[:, None], embedded[:, None], context, layers[:, 1:])
        layers = torch.cat([first[:, None], upper], 1).view(state.layers.shape)
        hidden = hidden.view(*layers.shape[:2], -1)
        return hidden, State(layers, look.past, None if self.readout_gates is None else hidden), look

    def _look(self, gates: Tensor, encoded: Encoded, state: Tensor, past: Past) -> tuple[Tensor, Look]:
        """The inputs' gates [B*K, G] and s_{t-1} [B*K, D] -> s_t and the look that it is made of.

        A sentence's K hypotheses are K queries against its annotations, which are not repeated.
        """
        query = self.cell.output(state).unflatten(0, (len(encoded.mask), -1))
        look = self.attention(query, encoded.keys, encoded.annotations, encoded.mask, past)
        return self.cell(gates + self.context_gates(look.context.flatten(0, 1)), state), look

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

    def parts(self) -> Parts:
        first = (self.token_gates, self.context_gates, self.cell)
        if self.readout_gates is not None:
            first = (*first, self.readout_gates)
        decoder = (self.attention, self.bridge, *first, self.upper, self.readout)
        whole = {"encoder": (self.encoder,), "decoder": decoder, "attention": (self.attention,)}
        layers = numbered("encoder", self.encoder.layers()) | numbered("decoder", [first, *self.upper])
        return self.embeddings.parts() | whole | layers
