"""The four ids that every vocabulary starts with. Padding is 0 so that masks are `ids != PAD`."""

PAD, BOS, EOS, UNK = 0, 1, 2, 3
