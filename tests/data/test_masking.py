"""Protected spans: which parts of a text are found, and that masking loses nothing."""

import random

import pytest

from nmt import config as settings
from nmt.config import TokenizerConfig
from nmt.config.tokenizer import SYMBOLS
from nmt.data import spans
from nmt.data.masking import Masked, Masker, masker_of, missing, moved, restore
from nmt.data.tokenizer_training import train_tokenizer
from nmt.errors import ConfigError

MASKER = masker_of(TokenizerConfig())
LINES = [
    "Click {name} at http://a.de/x?y=1, now!", "%s of %d in <b>bold</b> for {0} and {0}", "no span at all", "",
    "a@b.org", f"a symbol {SYMBOLS[3]} of the user's own, and {{x}}", "{1}{2}{3}{4}{5}{6}{7}{8}{9}", "  {a}\t{b} ",
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "line", "found"),
    [
        ("placeholders", "{name} {0} {} {{x}} ${x} {:.2f} %(n)s %s %1$s %-5.2f %ld %PATH% $name$",
         ["{name}", "{0}", "{}", "{{x}}", "${x}", "{:.2f}", "%(n)s", "%s", "%1$s", "%-5.2f", "%ld", "%PATH%",
          "$name$"]),
        ("placeholders", "100 % sure, 50%des, 5%d, 100%, $5 or $6, {not this}, %%s", []),
        ("tags", '<b>x</b> <a href="u" id=\'v\'> <br/> 1 <2 and 3> 2, a <b and c>', ["<b>", "</b>",
         '<a href="u" id=\'v\'>', "<br/>"]),
        ("urls", 'See (http://a.de/b), "https://x.org/?q=1&r=%20"! www.müller.de: ftp://f.com/a.', ["http://a.de/b",
         "https://x.org/?q=1&r=%20", "www.müller.de", "ftp://f.com/a"]),
        ("urls", "访问http://x.com/a。谢谢 http:// awww.no", ["http://x.com/a"]),
        ("emails", "a.b+c@d-e.co.uk, me@x.de. @home a@b", ["a.b+c@d-e.co.uk", "me@x.de"]),
        ("numbers", "1,234.5 and 12:30, 3. x86 7", ["1,234.5", "12:30", "3", "7"]),
    ],
)  # fmt: skip
def test_spans_of_a_kind(kind, line, found):
    assert spans.find(kind, line) == found


@pytest.mark.parametrize("line", LINES)
def test_a_masked_source_restores_to_itself(line):
    masked = MASKER.mask(line)
    assert restore(*masked) == line
    assert sorted(masked.spans) == sorted(symbol for symbol in SYMBOLS if symbol in masked.text)


def test_sources_number_their_spans_in_order():
    masked = MASKER.mask("to {b} from {a} to {b}")
    assert masked.text == "to {} from {} to {}".format(*SYMBOLS[:3])
    assert list(masked.spans.values()) == ["{b}", "{a}", "{b}"]


def test_more_spans_than_symbols_stay_text_and_cannot_be_mistaken():
    line = " ".join([f"{{{n}}}" for n in range(8)] + ["{8}", SYMBOLS[0]])
    masked = MASKER.mask(line)
    assert masked.text.endswith(" {8} \ufffd") and all(masked.text.count(symbol) == 1 for symbol in SYMBOLS)


@pytest.mark.parametrize("seed", range(20))
def test_a_training_pair_has_the_same_symbols_on_both_sides(seed):
    chance = random.Random(seed)
    words = ["{a}", "{b}", "%s", "http://a.de/", SYMBOLS[0], "word", "<b>"]
    pair = [" ".join(chance.choices(words, k=chance.randint(0, 12))) for _ in range(2)]
    source, target = MASKER.mask_pair(*pair)
    assert source.spans == target.spans
    for side, masked in zip(pair, (source, target), strict=True):
        assert restore(*masked).replace("\ufffd", SYMBOLS[0]) == side
        assert all(masked.text.count(symbol) == (symbol in masked.spans) for symbol in SYMBOLS)
    assert list(source.spans) == sorted(source.spans)  # ascending in the source
    assert (source, target) == MASKER.mask_pair(*pair)


def test_every_symbol_is_learnt():
    seen = {symbol for n in range(100) for symbol in MASKER.mask_pair(f"{n} {{x}}", "{x}")[0].spans}
    assert seen == set(SYMBOLS)


def test_spans_on_one_side_alone_stay_text():
    source, target = MASKER.mask_pair("{a} and {b}", "{b} %s")
    assert source.text.startswith("{a} and ") and target.text.endswith(" %s") and list(target.spans.values()) == ["{b}"]


def test_a_given_target_gets_the_symbols_of_its_source():
    source, target = MASKER.mask_given("{a} {b}", "{b} %s {b}")
    assert source == MASKER.mask("{a} {b}") and target.text == f"{SYMBOLS[1]} %s {{b}}"


def test_what_a_model_invents_is_removed_and_what_it_leaves_out_is_known():
    masked = MASKER.mask("{a} or {b}")
    written = f"Or {SYMBOLS[1]} {SYMBOLS[7]} and{SYMBOLS[5]}."
    assert restore(written, masked.spans) == "Or {b} and."
    assert missing(written, masked.spans) == ["{a}"]


@pytest.mark.parametrize("rule", ["nmt_nfkc", "identity"])
def test_offsets_point_into_the_text_as_it_was_written(rule):
    lines = [line for line in LINES if line.strip()]
    config = TokenizerConfig(vocabulary=330, target_normalisation=rule)
    tokenizer = train_tokenizer(lines * 3, config, shrink=True)
    for line in lines:
        masked = MASKER.mask(line)
        pieces, offsets = tokenizer.pieces(tokenizer.encode([masked.text])[0]), tokenizer.offsets(masked.text)
        for piece, (begin, end) in zip(pieces, moved(offsets, masked), strict=True):
            if piece in masked.spans:
                assert line[begin:end] == masked.spans[piece]
            elif piece.strip("▁").isalpha():
                assert line[begin:end].strip() == piece.strip("▁")


def test_offsets_behind_a_removed_symbol():
    written = Masked(f"a {SYMBOLS[2]} b{SYMBOLS[0]}c", {SYMBOLS[0]: "{x}"})
    assert restore(*written) == "a b{x}c"
    assert moved([(0, 1), (1, 3), (3, 5), (5, 6), (6, 7)], written) == [(0, 1), (1, 1), (1, 3), (3, 6), (6, 7)]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_a_symbol_is_one_piece_of_every_segmentation(kind):
    text = ["Two young males near many bushes.", "A man in a hat."] * 5
    tokenizer = train_tokenizer(text, TokenizerConfig(kind=kind, vocabulary=310), shrink=True)
    assert list(tokenizer.span_symbols.values()) == list(SYMBOLS)
    line = f"A man{SYMBOLS[0]} near {SYMBOLS[7]}, in{SYMBOLS[3]}{SYMBOLS[1]}"
    drawn = [tokenizer.encode([line])[0]]
    drawn += [] if kind == "char" else [tokenizer.sample([line], alpha=0.3, seed=seed)[0] for seed in range(5)]
    for ids in drawn:
        found = [tokenizer.span_symbols[each] for each in ids if each in tokenizer.span_symbols]
        assert found == [SYMBOLS[0], SYMBOLS[7], SYMBOLS[3], SYMBOLS[1]]
        assert tokenizer.decode([ids]) == [line]
    assert tokenizer.names(tokenizer.encode([SYMBOLS[1]])[0])[-1] == "<span2>"


def test_nothing_is_protected_without_patterns():
    config = TokenizerConfig(protect=())
    assert config.symbols == () and masker_of(config).mask("{a} %s") == Masked("{a} %s")
    assert Masker().mask_pair("{a}", "{a}") == (Masked("{a}"), Masked("{a}"))


def test_own_patterns_come_first():
    masker = masker_of(TokenizerConfig(protect_patterns=(r"[A-Z]{2}-\d{4}", r"{a} (?:or|and) {b}")))
    assert list(masker.mask("AB-1234: {a} or {b}, {c}").spans.values()) == ["AB-1234", "{a} or {b}", "{c}"]


@pytest.mark.parametrize("pattern", ["(a", "(?:a+)+", "(a)", r"(?:a)\1", "(?i)a", "a*", "", "(?:a|b){3}", "a" * 201])
def test_a_pattern_that_could_take_for_ever_is_refused(pattern):
    with pytest.raises(ConfigError, match="protect_patterns"):
        settings.check(TokenizerConfig, {"protect_patterns": [pattern]}, name="c")


def test_long_lines_take_linear_time():
    for part in ("{", "{{ ", "<a b=", "a@", "http://", "www.", "%(", "$a", "%5", "a.", '<a b="c" ', "a" * 7):
        MASKER.mask(part * 2_000)
