"""Keys read as words: `creditCard`, `credit_card`, `CREDIT-CARD` and `$credit card` are all ("credit", "card").

Rules and tracker files name keys by words, and whole words only: `auth` is not "author", `cc` is not "Accept".
"""

from __future__ import annotations

import re
from functools import lru_cache

_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ÿ"
_WORD = re.compile(rf"[{_UPPER}]+(?=[{_UPPER}][{_LOWER}])|[{_UPPER}]?[{_LOWER}]+|[{_UPPER}]+|\d+|[^\W\d_]+")
_NAME = re.compile(r"[\w$ .:/\-\[\]#@]{1,96}")
END = "$"
# a key that is a name and nothing else; what is more is read like a value
# a key that is a name and no data: without a long number, a date or a token in it
PLAIN_KEY = re.compile(
    r"(?!.{0,63}(?:\d[ ./-]?){4})(?!.{0,63}\d[./-]\d{1,2}[./-]\d)"
    r"(?!.{0,63}[A-Za-z0-9]{30})[A-Za-z_$\[@#.-][\w$ .\-\]\[/]{0,63}"
)


@lru_cache(maxsize=16384)
def words_of(key: str) -> tuple[str, ...]:
    """The words of a key, lower case; a key that is data and not a name (a URL, a sentence) has none."""
    if "://" in key or _NAME.fullmatch(key) is None:
        return ()
    return tuple(word.lower() for word in _WORD.findall(key))


class Phrases:
    """A set of phrases, each one or more words, to look for in a key's words. `response body$` must end the key."""

    __slots__ = ("_by_first",)

    def __init__(self, phrases: tuple[str, ...], *, anchored: bool = False) -> None:
        """`anchored`: each phrase must end the key (`device id` in `$device_id`, not in `device_id_count`)."""
        self._by_first: dict[str, list[tuple[tuple[str, ...], bool]]] = {}
        for phrase in phrases:
            words = words_of(phrase)
            if words:
                self._by_first.setdefault(words[0], []).append((words, anchored or phrase.endswith(END)))

    def __bool__(self) -> bool:
        return bool(self._by_first)

    def longest_in(self, words: tuple[str, ...]) -> int:
        """How many words the longest phrase found in `words` has; 0 where none is."""
        best = 0
        for at, word in enumerate(words):
            for phrase, anchored in self._by_first.get(word, ()):
                size = len(phrase)
                if size > best and words[at : at + size] == phrase and (not anchored or at + size == len(words)):
                    best = size
        return best
