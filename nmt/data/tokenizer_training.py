"""Training a tokenizer: the text goes to SentencePiece, and its complaints become faults that a user understands.

The text is normalised first, by the rule of its side, and pieces are learned from the result; the rule is then put into
the finished model. So both sides can have one vocabulary and two rules.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from threading import Event, Thread

import sentencepiece

from nmt.config import TokenizerConfig
from nmt.data import tags as slots
from nmt.data.normalisation import normaliser, normalising
from nmt.data.tokenizer import Tokenizer, Tokenizers
from nmt.errors import ConfigError, DataError
from nmt.ids import BOS, EOS, PAD, UNK

_LONGEST = 1 << 16  # bytes; SentencePiece leaves longer lines out of its training
_ONLY_ERRORS = 2  # SentencePiece's log level
_DIGIT, _CUT = re.compile(r"\d"), "\x1f"  # digits of any script; no piece reaches across the control character
_THREADS = 4  # a fixed number: the unigram model's sums depend on it in their last digits

MOST_CHARACTERS = {"bpe": 100_000_000, "unigram": 30_000_000, "char": 100_000_000}
"""Of text to train on: SentencePiece takes about 5 bytes a character for BPE and 20 for the unigram model."""


def train_shared(
    pairs: Iterable[tuple[str, str]], config: TokenizerConfig, *, symbols: Sequence[str] = (), shrink: bool = False
) -> Tokenizers:
    """Train one vocabulary on both sides of `pairs`; the tokenizers differ in their normalisation. Faults as below."""
    rules = [config.normalisation(side) for side in Tokenizers._fields]
    changes = [normaliser(rule).normalize for rule in rules]
    lines = (change(line) for pair in pairs for change, line in zip(changes, pair, strict=True))
    model = _train(lines, config, symbols=symbols, shrink=shrink)
    return Tokenizers(*(Tokenizer(model + normalising(rule)) for rule in rules))


def train_tokenizer(
    lines: Iterable[str], config: TokenizerConfig, *, side: str = "target", name: str = "this text",
    symbols: Sequence[str] = (), shrink: bool = False,
) -> Tokenizer:  # fmt: skip
    """Train on all of `lines`; the same lines give the same model, byte for byte. `name` is what a fault calls them.

    `side`, "source" or "target", chooses the config's normalisation; `symbols` are user-defined ones beside the
    config's. Raises DataError when there is no text and ConfigError when the vocabulary does not fit it; with `shrink`
    one that is too large becomes the largest possible.
    """
    rule = config.normalisation(side)
    model = _train(map(normaliser(rule).normalize, lines), config, name=name, symbols=symbols, shrink=shrink)
    return Tokenizer(model + normalising(rule))


def _train(
    lines: Iterable[str], config: TokenizerConfig, *, name: str = "this text", symbols: Sequence[str], shrink: bool
) -> bytes:
    """A model that changes nothing in a text but its blanks."""
    split_digits = config.split_digits and config.kind != "char"  # whose pieces are single characters anyway
    lines = map(_apart, lines) if split_digits else iter(lines)
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError("there is no text to train the tokenizer on")
    model, stops, left = io.BytesIO(), [], Event()

    def train() -> None:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_until_stopped(chain([first], lines), stops, left),
            model_writer=model, model_type=config.kind,
            vocab_size=config.vocabulary, normalization_rule_name="identity",
            byte_fallback=config.byte_fallback, character_coverage=config.character_coverage,
            pad_id=PAD, bos_id=BOS, eos_id=EOS, unk_id=UNK, control_symbols=slots.spellings(config.spare),
            user_defined_symbols=list(dict.fromkeys([*config.symbols, *config.span_symbols, *symbols])),
            pretokenization_delimiter=_CUT if split_digits else "", max_sentence_length=_LONGEST,
            hard_vocab_limit=not shrink, num_threads=_THREADS, minloglevel=_ONLY_ERRORS,
        )  # fmt: skip

    try:
        _in_thread(train)
    except RuntimeError as error:
        raise stops[0] if stops else _fault(str(error), config, name) from error
    finally:
        left.set()
    return model.getvalue()


def _apart(line: str) -> str:
    """The line with each digit cut off; SentencePiece's own `split_digits` does this for 0 to 9 alone."""
    return _DIGIT.sub(rf"{_CUT}\g<0>{_CUT}", line)


def _until_stopped(lines: Iterator[str], stops: list[BaseException], left: Event) -> Iterator[str]:
    """The lines, unless nobody waits any more; what ends them early (a fault in the text) is kept, as SentencePiece
    would bury it."""
    try:
        for line in lines:
            if left.is_set():
                raise InterruptedError
            yield line
    except BaseException as stop:
        stops.append(stop)
        raise


def _in_thread(work: Callable[[], None]) -> None:
    """Do work that is deaf to signals for minutes, so that a signal ends the wait for it: the thread is left alone."""
    faults = []

    def run() -> None:
        try:
            work()
        except BaseException as fault:  # it belongs to the thread that waits
            faults.append(fault)

    thread = Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.5)  # Windows hears Ctrl-C only between two waits
    if faults:
        raise faults[0]


def _fault(message: str, config: TokenizerConfig, name: str) -> Exception:
    """SentencePiece's complaint as the user's fault that it stands for."""
    too_large = re.search(r"value <= (\d+)", message)
    too_small = re.search(r"smaller than required_chars. \d+ vs (\d+)", message)
    if too_large:
        return ConfigError(
            f"tokenizer.vocabulary: {config.vocabulary} is too large for {name}; "
            f"the largest possible is {too_large[1]}",
            hint="lower it, or use more text",
        )
    if too_small:
        return ConfigError(
            f"tokenizer.vocabulary: {config.vocabulary} is too small for {name}; "
            f"its characters need at least {too_small[1]}",
            hint="raise it, or lower tokenizer.character_coverage",
        )
    if "all_chars_count" in message or "sentences_.empty" in message:
        return DataError("there is no text to train the tokenizer on")
    return DataError(f"the tokenizer cannot be trained on this text: {message.strip()}")
