"""Text as papers score it that report "tokenised, lower-cased BLEU": lower-cased, normalised and tokenised by Moses.

Scored with sacreBLEU's tokenizer `none` against references in the same form: official ones, such as Multi30k's
`*.lc.norm.tok.de`, or where a corpus has none, raw ones brought into it by the same steps. The order of the three steps
and the escapes (`"` becomes `&quot;`) are those of that file's name and makers.
"""

from collections.abc import Iterable
from importlib.metadata import version

from nmt import packages
from nmt.errors import NMTError


def tokenise(lines: Iterable[str], language: str) -> list[str]:
    """Each line lower-cased, its punctuation normalised, its tokens apart by blanks and escaped as Moses does it.

    `language` chooses the rules for apostrophes and abbreviations; those of English serve where Moses has none.
    Raises NMTError when sacremoses is not installed.
    """
    try:
        from sacremoses import MosesPunctNormalizer, MosesTokenizer
    except ImportError as error:
        raise NMTError("the tokenised figure needs sacremoses", hint=packages.install("moses")) from error
    normalise = MosesPunctNormalizer(language).normalize
    tokens = MosesTokenizer(language).tokenize
    return [tokens(normalise(line.lower()), return_str=True) for line in lines]


def signature(language: str, *, official: bool) -> str:
    """What to print behind sacreBLEU's signature, in the same form; references that are not official were made here."""
    made = "" if official else "|references:made"
    return f"moses:lc.norm.tok-{language}{made}|sacremoses:{version('sacremoses')}"
