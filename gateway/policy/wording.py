"""What people are told in words, as data: rules/report/effects.yaml for operators, rules/report/notice.yaml for visitors.

Models alone: whoever makes a report reads the files. Every category has its words in every language; a placeholder that
nobody fills in is an error with its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, field_validator, model_validator

from gateway.core.category import NEVER_TOUCHED, Category
from gateway.core.yaml import Strict, Text, Where, quoted
from gateway.operators import OPERATORS
from gateway.trackers.schema import CategoryName

TOLD: Final = tuple(category for category in Category if category not in NEVER_TOUCHED)
"""The categories that people are told of, in their order."""

OPERATOR_NAMES: Final = tuple(one.name for one in OPERATORS)
_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,8}\Z", re.ASCII)


def _operators(value: Mapping[str, str]) -> Mapping[str, str]:
    for name in value:
        if name not in OPERATOR_NAMES:
            raise ValueError(f"{quoted(name)} is no operator: write one of {', '.join(OPERATOR_NAMES)}")
    return value


ByOperator = Annotated[Mapping[Text, Text], AfterValidator(_operators)]


class CategoryWords(Strict):
    """What a category covers, and what an operator on it costs in the backend's reports."""

    covers: Text
    effects: ByOperator
    where: Where = ""


class Effects(Strict):
    """rules/report/effects.yaml. `operators`: what leaves in a value's place."""

    operators: ByOperator
    categories: Mapping[CategoryName, CategoryWords]

    @model_validator(mode="after")
    def _tell_all(self) -> Self:
        missing = [*(set(OPERATOR_NAMES) - set(self.operators)), *(set(TOLD) - set(self.categories))]
        if missing:
            raise ValueError(f"words are missing for {', '.join(sorted(missing))}")
        return self


def _filled(*names: str) -> AfterValidator:
    def check(text: str) -> str:
        for name in _PLACEHOLDER.findall(text):
            if name not in names:
                raise ValueError(f"{quoted('{' + name + '}')} is filled in by nobody here")
        return text

    return AfterValidator(check)


Plain = Annotated[Text, _filled()]


class NoticeWords(Strict):
    """The text for a privacy page in one language."""

    lawyer: Plain
    title: Plain
    intro: Annotated[Text, _filled("recipients")]
    before: Plain
    kept: Plain
    masked: Plain
    pseudonym: Plain
    coarse: Plain
    found: Plain
    gone: Plain
    address: Plain
    held: Annotated[Text, _filled("hours")]
    consent: Plain
    unasked: Plain
    choice: Annotated[Text, _filled("page")]
    rights: Plain
    categories: Mapping[CategoryName, Plain]
    where: Where = ""

    @model_validator(mode="after")
    def _tell_all(self) -> Self:
        missing = set(TOLD) - set(self.categories) - {Category.IP_ADDRESSES}
        if missing:
            raise ValueError(f"words are missing for {', '.join(sorted(missing))}")
        return self


class Notices(Strict):
    """rules/report/notice.yaml."""

    languages: Mapping[Text, NoticeWords]

    @field_validator("languages")
    @classmethod
    def _name_languages(cls, value: Mapping[str, NoticeWords]) -> Mapping[str, NoticeWords]:
        for language in value:
            if not _LANGUAGE.match(language):
                raise ValueError(f"{quoted(language)} is no language: write the code, as in en or de")
        return value


SAID_OF: Final[Mapping[str, str]] = {
    "keep": "kept",
    "detect": "found",
    "mask": "masked",
    "redact": "masked",
    "replace": "masked",
    "encrypt": "masked",
    "hash": "pseudonym",
    "truncate": "coarse",
    "generalise": "coarse",
    "drop": "gone",
}
"""Operator → the word of `NoticeWords` that visitors are told of it."""
