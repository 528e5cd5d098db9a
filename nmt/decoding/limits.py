"""How long a translation may become."""

import numpy as np

from nmt.config import SearchConfig


def most_pieces(pieces: int, search: SearchConfig, max_length: int) -> int:
    """Pieces after which the translation of a source of so many pieces must end, by a model that takes `max_length`.

    It equals the limit that nmt.decoding.search computes in float32 tensors.
    """
    allowed = int(np.float32(pieces) * np.float32(search.max_length_factor) + np.float32(search.max_length_extra))
    if search.max_length is not None:
        allowed = search.max_length
    return min(max(allowed, search.min_length), max_length - 1)
