"""Dtypes that keep what half the bits would lose."""

import torch


def at_least_float32(dtype: torch.dtype) -> torch.dtype:
    """The dtype for sums, exponentials and angles of numbers in `dtype`: float32, or float64 where these are.

    bfloat16 has 8 bits of precision: a sum of ones in it ends at 256.
    """
    return torch.promote_types(dtype, torch.float32)
