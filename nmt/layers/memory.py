"""What attention looks back to while decoding: keys and values that a sentence's hypotheses share.

A hypothesis is a row of a mask over the entries. Entries stay where they are when hypotheses branch, so that the mask
alone is reordered; those of nobody's past are written over.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# B batch, K hypotheses, G heads of keys and values, d width of a head

_ROOM = 16
"""A memory has a multiple of so many entries, and grows by a quarter at least, so that copies are rare."""


class Memory(NamedTuple):
    """Keys and values of one layer."""

    keys: Tensor  # [B, G, entries, d]
    values: Tensor


class Entries(NamedTuple):
    """Whose the entries are, and where they come from: the same in the memories of all layers."""

    mask: Tensor  # [B, K, entries] added to the energies: 0 for what a hypothesis sees of its own past, else -inf
    written: Tensor  # [B, entries] the position that each was written at
    free: int  # so many, at least, are of nobody's past, in each sentence: a GPU is asked only when they are used up


class Now(NamedTuple):
    """The position that is being computed, and where its keys and values are put."""

    position: int
    entries: Entries | None = None  # None where nothing is shared
    rows: Tensor | None = None  # [B*K*G] of a memory's entries, one below the other


def no_entries(like: Tensor, beams: int) -> Entries:
    """Before the first position; `like` has a row a sentence, and the memories' number format."""
    rows = len(like)
    return Entries(like.new_empty(rows, beams, 0), torch.empty(rows, 0, dtype=torch.long, device=like.device), 0)


def no_memory(like: Tensor, heads: int, width: int) -> Memory:
    """Without entries, which come when they are written."""
    return Memory(*[like.new_empty(len(like), heads, 0, width)] * 2)


def take_places(entries: Entries, position: int, heads: int, window: int | None) -> Now:
    """A place for a new entry of each hypothesis, with more room where there is too little. What lies more than a
    `window` back is forgotten."""
    mask, written, left = entries
    if window is not None:
        mask = mask.masked_fill((written < position - window)[:, None], -torch.inf)
    sentences, beams, room = mask.shape
    free = mask.amax(1) < 0  # [B, entries]: of no hypothesis' past
    if left < beams and room:
        left = int(free.sum(1).min())
    if left < beams:
        more = -(-max(beams - left, room // 4) // _ROOM) * _ROOM
        left, room = left + more, room + more
        mask, written = F.pad(mask, (0, more), value=-torch.inf), F.pad(written, (0, more))
        free = F.pad(free, (0, more), value=True)
    place = free.int().topk(beams).indices  # [B, K]
    entries = Entries(mask.scatter(2, place[:, :, None], 0), written.scatter(1, place, position), left - beams)
    head = torch.arange(sentences * heads, device=place.device).view(sentences, 1, -1)
    return Now(position, entries, (head * room + place[:, :, None]).flatten())


def write(memory: Memory, new: tuple[Tensor, Tensor], now: Now) -> Memory:
    """Put keys and values [B*K, G, 1, d] in their places, in a memory that has grown as the entries have."""
    more = now.entries.mask.size(2) - memory.keys.size(2)
    if more:
        memory = Memory(*(F.pad(part, (0, 0, 0, more)) for part in memory))
    for part, each in zip(memory, new, strict=True):
        part.flatten(0, 2).index_copy_(0, now.rows, each.reshape(len(now.rows), -1).to(part.dtype))
    return memory
