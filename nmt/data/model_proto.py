"""SentencePiece's model file as a protobuf message: the fields that its Python package gives no access to.

A message is a sequence of fields, each a number with a wire type and a value. Two messages one behind the other are one
message, in which a later value replaces an earlier one and repeated fields are appended; so a model is changed by
appending bytes to it. Numbers and names are those of sentencepiece_model.proto.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice

PIECES, TRAINER_SPEC, NORMALIZER_SPEC, DENORMALIZER_SPEC = 1, 2, 3, 5
"""Fields of ModelProto."""
PIECE, SCORE = 1, 2
"""Fields of a piece: its string and its score."""
NAME, CHARSMAP, ADD_DUMMY_PREFIX, REMOVE_EXTRA_WHITESPACES = 1, 2, 3, 4
"""Fields of NormalizerSpec."""
_USER_DEFINED_SYMBOLS = 31  # of TrainerSpec
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def field(number: int, value: bytes | bool | float) -> bytes:
    """A field: its number and wire type, then its value."""
    match value:
        case bool():
            return _varint(number << 3 | _VARINT) + bytes([value])
        case float():
            return _varint(number << 3 | _FIXED32) + struct.pack("<f", value)
        case _:
            return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each field of a message; a varint has no content. Raises ValueError for other bytes."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire = (key & 0xFFFFFFFF) >> 3, key & 7  # as SentencePiece reads it, which ignores higher bits
        begin = at
        if wire == _VARINT:
            _, at = _read_varint(message, at)
            begin = at
        elif wire == _BYTES:
            size, begin = _read_varint(message, at)
            at = begin + size
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} in a SentencePiece model")
        if at > len(message):
            raise ValueError("a SentencePiece model that ends early")
        yield number, message[begin:at]


def has_more_pieces(model: bytes, most: int) -> bool:
    """Whether a model has more than `most` pieces."""
    pieces = (content for number, content in fields(model) if number == PIECES)
    return next(islice(pieces, most, None), None) is not None


def has_longer_replacement(model: bytes, most: int) -> bool:
    """Whether the normalisation of a model replaces some string by more than `most` bytes.

    A table of replacements consists of the length of a trie (four bytes), the trie, and the replacements that it points
    to, each ended by a zero byte.
    """
    specs = (content for number, content in fields(model) if number in (NORMALIZER_SPEC, DENORMALIZER_SPEC))
    tables = (content for spec in specs for number, content in fields(spec) if number == CHARSMAP)
    texts = (table[4 + int.from_bytes(table[:4], "little") :] for table in tables)
    return any(re.search(rb"[^\0]{%d}" % (most + 1), text) for text in texts)


def user_defined_symbols(model: bytes) -> tuple[str, ...]:
    """The symbols that a model was trained with: each is one piece, wherever a text holds it."""
    trainer = b"".join(content for number, content in fields(model) if number == TRAINER_SPEC)
    return tuple(content.decode() for number, content in fields(trainer) if number == _USER_DEFINED_SYMBOLS)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth marks that another byte follows."""
    content = b""
    while value > 127:
        content, value = content + bytes([value & 127 | 128]), value >> 7
    return content + bytes([value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The value that begins at `at`, and where it ends."""
    value = shift = 0
    while at < len(message):
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a SentencePiece model that ends early")
