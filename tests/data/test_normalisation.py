"""Rules of normalisation: what they replace, what they keep, and one vocabulary under two of them."""

import re
import unicodedata

import pytest
from toy_text import sentences, toy_config

from nmt.config import TokenizerConfig, check
from nmt.data.model_proto import field, fields, user_defined_symbols
from nmt.data.normalisation import normaliser, normalising
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.data.tokenizer_training import train_shared, train_tokenizer
from nmt.errors import ConfigError

SCRIPTS = {
    "persian": "می‌خواهم این کتاب‌ها را بخوانم، ولی نمی‌شود.",
    "thai": "น้ำดื่มสะอาดทำให้เราแข็งแรง ๑๒๓",
    "chinese": "你好，世界！今天（星期一）很冷；是吗？",
    "hindi": "क़लम से काग़ज़ पर लिखो। १२३",
    "arabic": "أهلًا وسهلًا، كيف الحال؟ ١٢٣",
    "vietnamese": unicodedata.normalize("NFD", "Tiếng Việt có nhiều dấu."),
    "korean": unicodedata.normalize("NFD", "안녕하세요 세계"),
    "japanese": "ＡＢＣのｶﾞｯｺｳは「１２３」番～です。",
    "burmese": "မြန်မာစာ ဦးတင်",
    "emoji": "👩‍👩‍👧 ❤️ 🏳️‍🌈 ok ½ x² … ™ №",
}
"""A line of each."""
LINES = list(SCRIPTS.values())
DEFAULTS = TokenizerConfig(vocabulary=600)


@pytest.fixture(scope="module")
def shared() -> Tokenizers:
    return train_shared(zip(LINES * 10, LINES[::-1] * 10, strict=True), DEFAULTS, shrink=True)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_the_target_keeps_its_spelling(kind):
    tokenizer = train_tokenizer(LINES * 10, TokenizerConfig(kind=kind, vocabulary=600), shrink=True)
    assert tokenizer.decode(tokenizer.encode(LINES)) == LINES


def test_nfc_is_unicodes_own_for_every_character_and_its_decomposition():
    change = normaliser("nfc").normalize
    characters = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) not in ("Cs", "Cn")]
    text = " ".join(characters)
    assert unicodedata.normalize("NFC", text) != text
    assert change(text) == change(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text", ["a\u0302\u0323", "a\u0323\u0302", "\u1ea1\u0302", "\u00e2\u0323", "\ud558\u11ab", "q\u0301"]
)
def test_nfc_composes_marks_in_every_order(text):
    assert normaliser("nfc").normalize(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(("text", "folded"), [
    ("ＡＢＣ，１２３！", "ABC,123!"), ("ｶﾞｯｺｳﾊﾟﾝ", "ガッコウパン"), ("ﾡ", "ㄱ"), ("ﬁnal oﬃce", "final office"),
    ("ﻻ ﷲ", "لا الله"), ("︵a︶", "(a)"), ("a\u00a0b\u202fc\u3000d\u2028e\tf", "a b c d e f"),
    ("so\u00adft\ufeff \u200eltr\u200f\x07", "soft ltr"),
    ("e\u0301", "é"), ("\ufa19", "神"), ("\u212b", "Å"),
])  # fmt: skip
def test_folding_replaces_shapes(text, folded):
    assert normaliser("nfc_folded").normalize(text) == folded


@pytest.mark.parametrize("text", [
    "می‌شود", "क्‍ष", "\u200b", "น้ำ", "x² ½ ™ … № Ⅳ ① ㎏ ℃", "“quoted” ‘so’ –", "👩‍👩‍👧 ❤️", "ABC ß İ ς", "nul\0nul", "⁇",
])  # fmt: skip
def test_folding_keeps_what_has_a_meaning(text):
    assert normaliser("nfc_folded").normalize(text) == text


@pytest.mark.parametrize("rule", ["identity", "nfc", "nfc_folded", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf"])
def test_a_model_takes_any_rule(shared, rule):
    changed = Tokenizer(shared.source.model + normalising(rule))
    assert changed.vocabulary == shared.source.vocabulary
    for line in [*LINES, "  A ﬁ  É e\u0301 "]:
        assert changed.normalise(line) == re.sub(" +", " ", normaliser(rule).normalize(line)).strip(" ")
    assert changed.normalise("É") == ("é" if rule.endswith("_cf") else "É")


def test_a_shared_vocabulary_has_two_rules(shared):
    source, target = shared
    assert source.vocabulary == target.vocabulary and source.model != target.model
    assert source.encode(["Ａe\u0301"]) == source.encode(["Aé"]) != target.encode(["Ａe\u0301"])
    assert source.encode(["plain"]) == target.encode(["plain"])
    assert target.decode(target.encode(LINES)) == LINES


def test_offsets_are_places_in_the_text_as_it_was_written(shared):
    for line in [*LINES, "  ﬁx  e\u0301\u00adz", "\u00ad\u00ada\u3000ｶﾞ"]:
        for tokenizer in shared:
            (ids,) = tokenizer.encode([line])
            spans = tokenizer.offsets(line)
            assert len(spans) == len(ids) and all(0 <= begin <= end <= len(line) for begin, end in spans)
            text = "".join(line[begin:end] for begin, end in spans)
            assert tokenizer.normalise(text) == tokenizer.normalise(line)


def test_the_source_rule_shapes_the_pieces():
    """Pieces are learned from the normalised text: no full-width letter gets one."""
    tokenizer = train_tokenizer(["ＡＢＣ abc"] * 20, DEFAULTS, side="source", shrink=True)
    assert not set("ＡＢＣ") & set("".join(tokenizer.vocabulary))


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_digits_are_pieces_of_their_own(kind, split):
    config = TokenizerConfig(kind=kind, vocabulary=300, split_digits=split)
    tokenizer = train_tokenizer(["in 2019 and 2019", "2019 of ١٢٣ or ١٢٣"] * 20, config, shrink=True)
    longest = max(sum(map(str.isdigit, piece)) for piece in tokenizer.vocabulary if not piece.startswith("<"))
    assert (longest == 1) is split


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char"])
def test_symbols_are_one_piece_anywhere(kind):
    config = TokenizerConfig(kind=kind, vocabulary=450, symbols=("<br>", "€", "ﬁx", "\ue000"), protect=())
    tokenizer = train_tokenizer(LINES * 5, config, side="source", symbols=["\ue001"], shrink=True)
    symbols = (*config.symbols, "\ue001")
    assert tokenizer.user_defined == symbols
    for symbol in symbols:
        pieces = tokenizer.pieces(tokenizer.encode([f"a{symbol}{symbol}b {symbol}"])[0])
        assert pieces.count(symbol) == 3
        assert tokenizer.decode(tokenizer.encode([f"a{symbol}b"])) == [f"a{symbol}b"]
    assert not set(symbols) & set(tokenizer.scores())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sampling_leaves_symbols_whole(kind):
    config = TokenizerConfig(kind=kind, vocabulary=420, symbols=("<br>", "<br>x", "mat"))
    tokenizer = train_tokenizer(["the cat sat on the mat", "a matter of fact"] * 10, config, shrink=True)
    text = ["the<br>cat <br>xy mat", "matmat<br>", "xmatx matter <br"]
    assert tokenizer.sample(text, alpha={"bpe": 1e-12, "unigram": 100.0}[kind], seed=1) == tokenizer.encode(text)
    for seed in range(20):
        drawn = tokenizer.sample(text, alpha=0.5, seed=seed)
        assert tokenizer.decode(drawn) == text
        assert tokenizer.pieces(drawn[1]).count("mat") == 2 and "<br>" in tokenizer.pieces(drawn[1])


def test_model_fields():
    message = field(1, b"x" * 300) + field(31, "é".encode()) + field(3, True) + field(2, -1.5) + field(31, b"")
    assert [number for number, _ in fields(message)] == [1, 31, 3, 2, 31]
    assert dict(fields(message))[1] == b"x" * 300
    assert user_defined_symbols(field(1, b"piece") + field(2, field(31, b"a") + field(31, b"b"))) == ("a", "b")
    for damaged in (message[:-1] + b"\xff", message[:100], b"\x0b", b"\xff" * 20):
        with pytest.raises(ValueError, match="SentencePiece model"):
            list(fields(damaged))


@pytest.mark.parametrize("symbol", ["", "a b", "▁", "\u00a0", "<s>", "<0x41>", "<spare3>", "x" * 65])
def test_a_string_that_can_be_no_symbol_is_refused(symbol):
    with pytest.raises(ConfigError, match=r"symbols\[0\]"):
        check(TokenizerConfig, {"symbols": [symbol]}, name="config.yaml")


def test_symbols_count_as_ids(tmp_path):
    with pytest.raises(ConfigError, match=r"the special ids alone take 270; raise it"):
        toy_config(tmp_path, sentences(5), tokenizer={"vocabulary": 272, "protect": [], "symbols": ["€", "$"]})
