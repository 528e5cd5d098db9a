"""The neural Turing machine (Graves 2014) as encoder-decoder: a recurrent controller beside a memory of slots.

    controller  h_t = cell([E x_t; r_{t-1}], h_{t-1})
    heads       k, beta, g, s, gamma of each head, and e, a of each that writes: W h_t             (3.3)
    addressing  w_t = sharpen(shift(interpolate(by_content(k, beta, M_{t-1}), w_{t-1}, g), s), gamma)   (eq. 5 to 9)
    writing     M_t(i) = M_{t-1}(i) (1 - w_t(i) e_t) + w_t(i) a_t                                  (eq. 3, 4)
    reading     r_t = sum_i w_t(i) M_t(i)                                                          (eq. 2)
    readout     o_t = tanh(W_o [h_t; r_t]),   p(y_t | y_<t, x) = softmax(W o_t)

One machine takes x_1 .. x_S and then, still running, y_0 .. y_{T-1}. It begins with an empty memory and every head on
the first slot. The paper's heads write at any time; here they write while the source comes and rest from then on, so
that the memory is what is known of the source, as fixed as another model's annotations, and all hypotheses read one.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import NTMConfig
from nmt.ids import PAD
from nmt.layers.dropout import Dropout
from nmt.layers.embedding import Embeddings
from nmt.layers.loop import LoopLinear, loop
from nmt.layers.recurrent import GATES, Cell, state_width
from nmt.layers.turing import Focus, Heads, Memory, address, memory_of, read, share_memory, write
from nmt.models.base import Attention, Decoded, Parts, Seq2Seq, Step

# B batch, K hypotheses, S source, T target, E embedding, D controller, G its gates, H heads: first R that read, then W
# that write, N slots, M width of a slot


class Machine(NamedTuple):
    """What moves: of each sentence one while the source comes, then one a hypothesis, which is the State."""

    controller: Tensor  # h, and the lstm's c beside it [B, K, D or 2D]
    heads: Tensor  # w [B, K, H, N]; only the R of them that read go on in the target
    reads: Tensor  # r [B, K, R, M]


class Encoded(NamedTuple):
    memory: Memory
    machine: Machine  # K = 1, after the source


class NTM(Seq2Seq):
    """Memory and weightings are float32 in a model of less: where a head is depends on all the moves it ever made."""

    def __init__(self, config: NTMConfig, source_size: int, target_size: int):
        super().__init__()
        self.max_length = config.max_length
        self.readers, self.writers = config.read_heads, config.write_heads
        self.slots, self.width = config.slots, config.slot_width
        embedding, hidden, gates = config.embedding, config.hidden, GATES[config.cell] * config.hidden
        self.embeddings = Embeddings(source_size, target_size, embedding, config.tied_embeddings)
        self.token_gates = nn.Linear(embedding, gates)
        self.read_gates = LoopLinear(self.readers * self.width, gates, bias=False)
        self.cell, self.state = Cell(config.cell, hidden), state_width(config.cell, hidden)
        self.heads = Heads(hidden, self.readers + self.writers, self.writers, self.width, config.reach)
        self.readout = nn.Linear(hidden + self.readers * self.width, embedding)
        self.dropout = Dropout(config.dropout)

    def encode(self, src: Tensor) -> Encoded:
        return self._take_in(src)[0]

    def start(self, encoded: Encoded, beams: int) -> Machine:
        controller, heads, reads = (part.repeat_interleave(beams, 1) for part in encoded.machine)
        return Machine(controller, heads[:, :, : self.readers], reads)

    def step(self, token: Tensor, encoded: Encoded, state: Machine) -> Step:
        machine = self._read(self.token_gates(self.embeddings.target(token)), encoded.memory, state)
        return Step(self._read_out(machine.controller, machine.reads), machine)

    def forward(self, src: Tensor, tgt_in: Tensor) -> Decoded:
        with loop(self):
            encoded, _ = self._take_in(src)
            controllers, _, reads = self._put_out(encoded, tgt_in)
        return Decoded(self._read_out(controllers, reads))

    def explain(self, src: Tensor, tgt_in: Tensor) -> Attention:
        """Which source positions wrote to the slots that are read: with u_j the sum of the write heads' weightings,

            A_h(t, j) = sum_i w_ht(i) u_j(i) / sum_j sum_i w_ht(i) u_j(i)

        for each head h that reads. A slot that was written twice counts for both positions, whatever was erased; where
        a head reads what nobody wrote, there are zeros.
        """
        encoded, written = self._take_in(src)
        reading = self._put_out(encoded, tgt_in).heads.transpose(1, 2)  # [B, R, T, N]
        overlap = reading @ written.mT[:, None]
        total = overlap.sum(-1, keepdim=True).clamp(min=torch.finfo(overlap.dtype).tiny)
        return Attention(cross=(overlap / total)[:, None])  # one layer

    def project(self, hidden: Tensor, vocabulary: Tensor | None = None) -> Tensor:
        return self.embeddings.project(hidden, vocabulary)

    def parts(self) -> Parts:
        """One controller reads the source and writes the target: there is no encoder apart from a decoder."""
        controller = (self.token_gates, self.read_gates, self.cell)
        return self.embeddings.parts() | {
            "controller": controller, "heads": (self.heads,), "readout": (self.readout,),
        }  # fmt: skip

    def _take_in(self, src: Tensor) -> tuple[Encoded, Tensor]:
        """Source ids [B, S] -> the machine after them, and the sum of the write heads' weightings at each [B, S, N]."""
        real = src != PAD
        no_padding = real.all(0).tolist()
        gates = self.token_gates(self.dropout(self.embeddings.source(src)))
        slots, machine = self._fresh(gates)
        written = []
        for position, each in enumerate(gates.split(1, 1)):
            before, here = machine, real[:, position, None, None]
            machine, slots, writing = self._write(each, slots, machine, here)
            if not no_padding[position]:
                machine = _choose(here, machine, before)
            written.append(writing.sum(1))
        return Encoded(memory_of(slots), machine), torch.stack(written, 1)

    def _put_out(self, encoded: Encoded, tokens: Tensor) -> Machine:
        """Teacher forcing: tokens [B, T] -> the machine after each, T in the place of K."""
        memory, machine = share_memory(encoded.memory), self.start(encoded, 1)
        machines = []
        for gates in self.token_gates(self.dropout(self.embeddings.target(tokens))).split(1, 1):
            machine = self._read(gates, memory, machine)
            machines.append(machine)
        return Machine(*(torch.cat(part, 1) for part in zip(*machines, strict=True)))

    def _fresh(self, like: Tensor) -> tuple[Tensor, Machine]:
        """Empty slots and a machine for each row of a tensor."""
        rows, precise = len(like), torch.promote_types(like.dtype, torch.float32)
        slots = like.new_zeros(rows, self.slots, self.width, dtype=precise)
        heads = slots.new_zeros(rows, 1, self.readers + self.writers, self.slots)
        heads[..., 0] = 1
        reads = slots.new_zeros(rows, 1, self.readers, self.width)
        return slots, Machine(like.new_zeros(rows, 1, self.state), heads, reads)

    def _write(self, gates: Tensor, slots: Tensor, machine: Machine, real: Tensor) -> tuple[Machine, Tensor, Tensor]:
        """A source token, by its share of the controller's gates [B, 1, G]: all heads move, write and read.

        Returns the machine, the slots, and the weightings by which they were written, 0 where `real` is not.
        """
        controller = self._control(gates, machine)
        hidden = self.cell.output(controller)
        heads = self._place(hidden, memory_of(slots), machine.heads)
        reading, writing = heads[:, 0].split([self.readers, self.writers], 1)
        writing = writing * real
        slots = write(slots, writing, *(part[:, 0].to(slots.dtype) for part in self.heads.change(hidden)))
        return Machine(controller, heads, (reading @ slots)[:, None]), slots, writing

    def _read(self, gates: Tensor, memory: Memory, machine: Machine) -> Machine:
        """A target token of each hypothesis, by its gates [B, K, G]: the heads that read move and read.

        A sentence's hypotheses are so many heads more to its memory, which is not repeated.
        """
        controller = self._control(gates, machine)
        heads = self._place(self.cell.output(controller), memory, machine.heads)
        return Machine(controller, heads, read(memory, heads.flatten(1, 2)).view(machine.reads.shape))

    def _control(self, gates: Tensor, machine: Machine) -> Tensor:
        """The controller's next state [B, K, D or 2D]."""
        gates = gates + self.read_gates(machine.reads.flatten(2).to(gates.dtype))
        return self.cell(gates.flatten(0, 1), machine.controller.flatten(0, 1)).view(machine.controller.shape)

    def _place(self, hidden: Tensor, memory: Memory, before: Tensor) -> Tensor:
        """h [B, K, D] and the weightings before [B, K, H, N] -> the next ones."""
        focus = self.heads.focus(hidden, before.size(2))
        focus = Focus(*(part.to(before.dtype).flatten(1, 2) for part in focus))
        return address(focus, memory, before.flatten(1, 2)).view(before.shape)

    def _read_out(self, controller: Tensor, reads: Tensor) -> Tensor:
        """The machine after each token -> o [B, T, E]."""
        hidden = self.dropout(self.cell.output(controller))
        return self.dropout(self.readout(torch.cat([hidden, reads.flatten(2).to(hidden.dtype)], -1)).tanh())


def _choose(which: Tensor, new: Machine, old: Machine) -> Machine:
    """The new machine in the rows where `which` [B, 1, 1] holds, else the old one."""
    controller = torch.where(which, new.controller, old.controller)
    heads, reads = (torch.where(which[..., None], *parts) for parts in zip(new[1:], old[1:], strict=True))
    return Machine(controller, heads, reads)
