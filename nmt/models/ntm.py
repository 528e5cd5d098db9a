"""The neural Turing machine (Graves 2014) as encoder-decoder: a recurrent controller beside a memory of slots.

    controller  h_t = cell([E x_t; r_{t-1}], h_{t-1})
    heads       k, beta, g, s, gamma of each head, and e, a of each that writes, are linear in h_t       (3.3)
    addressing  w_t = sharpen(shift(interpolate(by_content(k, beta, M), w_{t-1}, g), s), gamma)          (eq. 5 to 9)
    writing     M_t(i) = M_{t-1}(i) (1 - w_t(i) e_t) + w_t(i) a_t                                        (eq. 3, 4)
    reading     r_t = sum_i w_t(i) M(i)                                                                  (eq. 2)
    readout     o_t = tanh(W_o [h_t; r_t]),   p(y_t | y_<t, x) = softmax(W o_t)

One controller takes x_1 .. x_S and then, still running, y_0 .. y_{T-1}; the memory is empty before, and all heads are
on the first slot. In the paper every head moves at every step. Here those that write do so while the source comes, and
those that read wait for the target: so the memory is as fixed while decoding as another model's annotations, all
hypotheses read one, and a reader begins where what came first was written.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import NTMConfig
from nmt.dtypes import at_least_float32
from nmt.ids import PAD
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.loop import LoopLinear, loop
from nmt.layers.recurrent import GATES, Cell, state_width
from nmt.layers.turing import Focus, Heads, Memory, WritingHeads, address, memory_of, read, share_memory, write
from nmt.models.base import Attention, Cut, Decoded, Parts, Seq2Seq, Step

# B batch, K hypotheses, S source, T target, E embedding, D controller, G its gates
# H heads: R that read, or W that write; N slots, M width of a slot


class Encoded(NamedTuple):
    memory: Memory
    controller: Tensor  # h, and the lstm's c beside it, after the source [B, D or 2D]


class State(NamedTuple):
    controller: Tensor  # [B, K, D or 2D]
    heads: Tensor  # w [B, K, R, N]
    reads: Tensor  # r [B, K, R, M]


class NTM(Seq2Seq):
    """Memory and weightings are float32 in a model of less: where a head is depends on all the moves it ever made."""

    def __init__(self, config: NTMConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length = config.max_length
        self.slots, self.width = config.slots, config.slot_width
        embedding, hidden, gates = config.embedding, config.hidden, GATES[config.cell] * config.hidden
        self.embeddings = Embeddings(source_size, target_size, embedding, config.tied_embeddings)
        self.token_gates = nn.Linear(embedding, gates)
        self.read_gates = LoopLinear(config.read_heads * self.width, gates, bias=False)
        self.cell, self.state_width = Cell(config.cell, hidden), state_width(config.cell, hidden)
        self.readers = Heads(hidden, config.read_heads, self.width, config.reach)
        self.writers = WritingHeads(hidden, config.write_heads, self.width, config.reach)
        self.readout = nn.Linear(hidden + config.read_heads * self.width, embedding)
        self.dropout = Dropout(config.dropout)

    def encode(self, src: Tensor) -> Encoded:
        return self._write(src)[0]

    def start(self, encoded: Encoded, beams: int) -> State:
        controller = encoded.controller[:, None].repeat_interleave(beams, 1)
        heads = self._first_slot(controller, self.readers.heads)
        return State(controller, heads, heads.new_zeros(*heads.shape[:3], self.width))

    def step(self, token: Tensor, encoded: Encoded, state: State) -> Step:
        state = self._read(self.token_gates(self.embeddings.target(token)), encoded.memory, state)
        return Step(self._read_out(state), state)

    def forward(self, src: Tensor, tgt_in: Tensor, cut: Cut = Cut()) -> Decoded:
        with loop(self):
            encoded, _ = self._write(src, cut.source)
            states = self._unroll(encoded, tgt_in, cut.target)
        return Decoded(self._read_out(states))

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        """Which source positions wrote to the slots that are read: with u_j the sum of the write heads' weightings,

            A_h(t, j) = sum_i w_ht(i) u_j(i) / sum_j sum_i w_ht(i) u_j(i)

        for each head h that reads. A slot that was written twice counts for both positions, whatever was erased; where
        a head reads what nobody wrote, there are zeros.
        """
        encoded, written = self._write(src)
        reading = self._unroll(encoded, tgt_in).heads.transpose(1, 2)  # [B, R, T, N]
        overlap = reading @ written.mT[:, None]
        total = overlap.sum(-1, keepdim=True).clamp(min=torch.finfo(overlap.dtype).tiny)
        return Attention(cross=(overlap / total)[:, None])  # one layer

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)

    def parts(self) -> Parts:
        """One controller reads the source and writes the target: there is no encoder apart from a decoder."""
        controller = (self.token_gates, self.read_gates, self.cell)
        return self.embeddings.parts() | {
            "controller": controller, "heads": (self.readers, self.writers), "readout": (self.readout,),
        }  # fmt: skip

    def _write(self, src: Tensor, cut: Tensor | None = None) -> tuple[Encoded, Tensor]:
        """Source ids [B, S] -> what is left of them, and the sum of the write heads' weightings at each [B, S, N].

        At padding nothing moves and nothing is written.
        """
        real = (src != PAD)[..., None]
        gates = self.token_gates(self.dropout(self.embeddings.source(src, cut)))
        controller = gates.new_zeros(len(src), self.state_width)
        heads = self._first_slot(controller, self.writers.heads)
        slots = heads.new_zeros(len(src), self.slots, self.width)
        written = []
        for each, here in zip(gates.unbind(1), real.unbind(1), strict=True):
            controller = torch.where(here, self.cell(each, controller), controller)
            hidden = self.cell.output(controller)
            heads = torch.where(here[:, None], self._place(self.writers, hidden, memory_of(slots), heads), heads)
            weights = heads * here[:, None]
            slots = write(slots, weights, *self.writers.change(hidden))
            written.append(weights.sum(1))
        return Encoded(memory_of(slots), controller), torch.stack(written, 1)

    def _unroll(self, encoded: Encoded, tokens: Tensor, cut: Tensor | None = None) -> State:
        """Teacher forcing: tokens [B, T] -> the state after each, T in the place of K."""
        memory, state, states = share_memory(encoded.memory), self.start(encoded, 1), []
        for gates in self.token_gates(self.dropout(self.embeddings.target(tokens, cut))).split(1, 1):
            state = self._read(gates, memory, state)
            states.append(state)
        return State(*(torch.cat(part, 1) for part in zip(*states, strict=True)))

    def _read(self, gates: Tensor, memory: Memory, state: State) -> State:
        """A target token of each hypothesis, by its share of the gates [B, K, G].

        A sentence's K hypotheses are K * R heads to its memory, which is not repeated.
        """
        gates = gates + self.read_gates(state.reads.flatten(2).to(gates.dtype))
        controller = self.cell(gates.flatten(0, 1), state.controller.flatten(0, 1)).view(state.controller.shape)
        heads = self._place(self.readers, self.cell.output(controller), memory, state.heads.flatten(1, 2))
        return State(controller, heads.view(state.heads.shape), read(memory, heads).view(state.reads.shape))

    def _place(self, heads: Heads, hidden: Tensor, memory: Memory, before: Tensor) -> Tensor:
        """h [B, D] or [B, K, D] and the weightings before [B, heads, N] -> the next ones."""
        focus = Focus(*(part.flatten(1, -2) for part in heads.focus(hidden)))
        return address(focus, memory, before)

    def _first_slot(self, like: Tensor, heads: int) -> Tensor:
        """The weightings [..., H, N] of heads beside controllers [..., D], before they move."""
        weights = like.new_zeros(*like.shape[:-1], heads, self.slots, dtype=at_least_float32(like.dtype))
        weights[..., 0] = 1
        return weights

    def _read_out(self, states: State) -> Tensor:
        """The states after T tokens, or of K hypotheses -> o [B, T or K, E]."""
        hidden = self.dropout(self.cell.output(states.controller))
        return self.dropout(self.readout(torch.cat([hidden, states.reads.flatten(2).to(hidden.dtype)], -1)).tanh())
