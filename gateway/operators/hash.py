"""hash: a pseudonym under the owner's key that keeps the shape, so that readers accept it and visitors still count.

Digits stay digits, letters letters of their case, a UUID a UUID of its version and variant (versions 1, 6 and 7 keep
their time), hex digits hex digits, separators and known prefixes stay. Equal values hash equally wherever they stand:
a value is cut into UUIDs, long hex runs and the rest, and each part is hashed by itself, whatever its letter case.
Never collides on purpose, never promises not to; nothing and zero (a nil UUID too) name nobody and stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

from gateway.core.document import Kind
from gateway.core.plugin import Operator, Situation
from gateway.operators.parameters import check_names, read_text
from gateway.operators.shapes import hidden, is_separator

PARAMETERS = {"prefix": "text that stays where a value starts with it, besides the known ones such as $device:"}

# what stays at the start of a value: it tells kinds of ids apart, never one person from another
_PREFIX = re.compile(
    r"\$[a-z_]{1,24}:"  # Mixpanel: $device:<uuid>
    r"|GA\d\.\d\.|GS\d\.\d\.|fb\.\d\.|urn:uuid:|0x|G-|amp-|ajs_"
    r"|(?:anon|anonymous|cus|customer|dev|device|id|uid|user|usr|visitor)[_:-]"
    r"|(?:auth0|google-oauth2|windowslive|facebook|github|apple)\|"
)
_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"(?P<uuid>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})"
    r"|(?P<hex>(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{16,})"
    r")(?![0-9A-Za-z])"
)
_MILLISECONDS = re.compile(
    r"[/.:|_-]1[3-9]\d{11}"
)  # a time beside a UUID: Amplitude's replay id is device/session start
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.([^@\s.]+)")
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?((?:[eE][-+]?[0-9]+)?)")
_DIGITS = re.compile(r"[0-9]+")
_HEX_WORD = re.compile(r"(?=[a-f]*[0-9])[0-9a-f]{4,}", re.IGNORECASE)

# readers hold ids in these, and 2**53 is where JavaScript's stop being exact: what fits before fits after
_BOUNDS = (2**31 - 1, 2**32 - 1, 2**53, 2**63 - 1, 2**64 - 1)

_ATTEMPTS = 32  # a value of one digit equals its own hash once in nine

_DIGIT, _LETTERS, _HEX_LETTERS, _HEX = "0123456789", "abcdefghijklmnopqrstuvwxyz", "abcdef", "0123456789abcdef"


def _stream(key: bytes, text: str, attempt: int) -> Iterator[int]:
    """Numbers below 65536 without end, the same for the same text, whatever its letter case."""
    seed = blake2b(text.lower().encode("utf-8", "surrogatepass"), key=key, person=b"gateway.hash").digest()
    block = attempt << 32
    while True:
        chunk = blake2b(block.to_bytes(8, "big"), key=seed).digest()
        for at in range(0, len(chunk), 2):
            yield chunk[at] << 8 | chunk[at + 1]
        block += 1


def _cased(new: str, old: str) -> str:
    """`new` in the letter case of `old`: all upper, all lower, or letter by letter."""
    if old == old.lower():
        return new
    if old == old.upper():
        return new.upper()
    return "".join(char.upper() if before.isupper() else char for char, before in zip(new, old, strict=True))


def _hash_hex(digits: str, key: bytes, attempt: int) -> str:
    stream = _stream(key, digits, attempt)
    return "".join(_HEX[next(stream) % 16] for _ in digits)


def _kept_time(digits: str) -> int:
    """How many leading hex digits of a UUID are a time that stays."""
    version = digits[12]
    if version == "7":  # 48 bits of milliseconds
        return 12 if 0x0126_0000_0000 <= int(digits[:12], 16) < 0x0330_0000_0000 else 0  # 2010 to 2080
    # versions 1 and 6: 60 bits of 100 ns since 1582, whose highest 12 stand in different places
    highest = {"1": digits[13:16], "6": digits[:3]}.get(version, "")
    return 16 if "1ce" <= highest <= "22d" else 0  # 1995 to 2080


def _hash_uuid(digits: str, key: bytes, attempt: int) -> str:
    """32 hex digits whose version, variant and time stay."""
    new = list(_hash_hex(digits, key, attempt))
    time = _kept_time(digits)
    new[:time] = digits[:time]
    new[12] = digits[12]
    variant = int(digits[16], 16)  # RFC 9562 section 4.1: 0xxx, 10xx, 110x or 111x
    kept = 0b1000 if variant < 0b1000 else 0b1100 if variant < 0b1100 else 0b1110
    new[16] = _HEX[variant & kept | int(new[16], 16) & ~kept & 0b1111]
    return "".join(new)


def _is_random_uuid(digits: str) -> bool:
    """Whether 32 hex digits are a version 4 UUID without its dashes: then they hash like one with them."""
    return len(digits) == 32 and digits[12] == "4" and digits[16] in "89ab"


def _hash_token(token: str, key: bytes, attempt: int) -> str:
    digits = token.lower().replace("-", "")
    is_uuid = len(token) == 36 or _is_random_uuid(digits)
    new = _hash_uuid(digits, key, attempt) if is_uuid else _hash_hex(digits, key, attempt)
    if len(token) == 36:
        new = f"{new[:8]}-{new[8:12]}-{new[12:16]}-{new[16:20]}-{new[20:]}"
    return _cased(new, token)


def _fitted(new: str, old: str) -> str:
    """`new` digits brought under the bound that `old` stood under, where both have its length."""
    for bound in _BOUNDS:
        least = 10 ** (len(new) - 1)
        if len(new) == len(str(bound)) and least <= int(old) <= bound:
            return str(least + (int(new) - least) % (bound - least + 1))
    return new


def _hash_words(text: str, key: bytes, attempt: int) -> str:
    """Character by character: digits to digits, letters to letters, what parts them stays."""
    stream = _stream(key, text, attempt)
    hex_places = {
        at for word in re.finditer(r"[0-9A-Za-z]+", text) if _HEX_WORD.fullmatch(word[0]) for at in range(*word.span())
    }
    new: list[str] = []
    for at, char in enumerate(text):
        if "0" <= char <= "9":
            starts = at == 0 or not "0" <= text[at - 1] <= "9"
            if not starts:
                new.append(_DIGIT[next(stream) % 10])
            else:  # a leading zero is part of the shape, and a leading other digit too
                new.append("0" if char == "0" else _DIGIT[1 + next(stream) % 9])
        elif is_separator(char):
            new.append(char)
        else:
            letters = _HEX_LETTERS if at in hex_places else _LETTERS
            letter = letters[next(stream) % len(letters)]
            new.append(letter.upper() if char.isupper() else letter)
    joined = "".join(new)
    return _DIGITS.sub(lambda run: _fitted(run[0], text[slice(*run.span())]), joined)


def _differing(text: str, key: bytes, hashed: Callable[[str, bytes, int], str]) -> str:
    """`text` hashed, and hashed again while that is the text itself."""
    new = text
    for attempt in range(_ATTEMPTS):
        new = hashed(text, key, attempt)
        if new != text:
            break
    return new


def _names_nobody(text: str) -> bool:
    """Whether there is nothing but zeros and separators in `text`."""
    return all(char == "0" or is_separator(char) for char in text)


def _hash_rest(text: str, key: bytes) -> str:
    """What stands between tokens: hashed as one, without the separators around it, so that it is the same elsewhere."""
    start, end = 0, len(text)
    while start < end and is_separator(text[start]):
        start += 1
    while end > start and is_separator(text[end - 1]):
        end -= 1
    core = text[start:end]
    if _names_nobody(core):
        return text
    return text[:start] + _differing(core, key, _hash_words) + text[end:]


def _undeliverable(new: str, old: str) -> str:
    """An e-mail address ends in a top-level domain that does not exist: z for each letter."""
    email = _EMAIL.fullmatch(old)
    if email is None:
        return new
    start, end = email.span(1)
    domain = "".join("Z" if char.isupper() else "z" if char.isalpha() else char for char in new[start:end])
    return new[:start] + domain + new[end:]


def hash_text(text: str, key: bytes, prefix: str = "") -> str:
    """The pseudonym of `text` under `key`: the same length and shape."""
    known = _PREFIX.match(text)
    kept = prefix if prefix and text.startswith(prefix) else known[0] if known else ""
    rest = text[len(kept) :]
    if not rest or _names_nobody(rest):
        return text
    pieces: list[str] = []
    at = 0
    tokens = list(_TOKEN.finditer(rest))
    for token in tokens:
        pieces.append(_hash_between(rest[at : token.start()], key, beside=True))
        digits = token[0]
        pieces.append(digits if _names_nobody(digits) else _differing(digits, key, _hash_token))
        at = token.end()
    pieces.append(_hash_between(rest[at:], key, beside=bool(tokens)))
    return kept + _undeliverable("".join(pieces), rest)


def _hash_between(text: str, key: bytes, *, beside: bool) -> str:
    if not text or (beside and _MILLISECONDS.fullmatch(text)):
        return text
    return _hash_rest(text, key)


def hash_number(literal: str, key: bytes) -> str:
    """A number literal of as many digits: sign and exponent stay. It hashes like the same digits in text."""
    parts = _NUMBER.fullmatch(literal)
    if parts is None:
        return hidden(literal, Kind.NUMBER)
    sign, whole, fraction, exponent = parts.groups()
    digits = whole if fraction is None else f"{whole}.{fraction}"
    return f"{sign}{_hash_rest(digits, key)}{exponent}"


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("hash", given, PARAMETERS)
    prefix = read_text("hash", given, "prefix") or ""

    def operate(value: str, situation: Situation) -> str:
        if not situation.key:
            raise ValueError("hash needs a key")  # an unkeyed hash of an e-mail address is the address
        if situation.kind is Kind.NUMBER:
            return hash_number(value, situation.key)
        if situation.kind is Kind.WORD:
            return hidden(value, situation.kind)
        return hash_text(value, situation.key, prefix)

    return operate


HASH = Operator(name="hash", strength=40, parameters=PARAMETERS, prepare=_prepare)
