"""Values assigned to a secret's name in free text: `password=…`, `"token": "…"`, `api key: …`, cut-off JSON included.

A name counts by its whole words (`auth`, not `author`) and not when its last word says that it is about the secret
(`token_type`, `password-strength`). The value alone is claimed: to its closing quote, or to the next delimiter.
Literals, CSS, code and sentences ("password: must be …") are no values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import NAMED

_PASSWORDS: Final = (
    "password", "passwd", "passwrd", "passphrase", "passcode", "pwd", "passwort", "kennwort", "wachtwoord",
    "contraseña", "contrasena", "senha", "mot de passe", "motdepasse", "пароль", "şifre", "hasło", "cvv", "cvv2",
    "cvc", "cvc2", "otp",
)  # fmt: skip
_TOKENS: Final = (
    "secret", "token", "auth", "authorization", "authorisation", "credential", "credentials", "api key", "api-key",
    "api_key", "apikey", "access key", "access-key", "access_key", "accesskey", "private key", "private_key",
    "private-key", "privatekey", "secret key", "secretkey", "secret_key", "secret-key", "session key", "session_key",
    "encryption key", "encryption_key", "jwt", "sessionid", "phpsessid", "jsessionid",
)  # fmt: skip
_NAME: Final = re.compile(
    "(?=[acehjkmopstwпş])(?:"
    + "|".join(re.escape(name) for name in sorted(_PASSWORDS + _TOKENS, key=len, reverse=True))
    + ")",
    re.IGNORECASE,
)
_STEMS: Final = (
    "pass", "pwd", "token", "secret", "auth", "key", "credential", "kennwort", "wachtwoord", "contrase", "senha",
    "пароль", "ifre", "hasło", "cvv", "cvc", "otp", "jwt", "sess",
)  # fmt: skip
_REST: Final = re.compile(r"[\w-]{0,40}")  # of the name: `token` in `tokenValue`
_ASSIGN: Final = re.compile(r"(?:\\{0,8}[\"'`])?[ \t]{0,3}(?:=>|:=|=|:)(?![=:])\s{0,3}")
_QUOTE: Final = re.compile(r"\\{0,8}[\"'`]")
_BARE: Final = re.compile(r"[^\s,;&\"'`<>(){}\[\]\\|]+")
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|digest|negotiate|apikey)[ \t]{1,3}", re.IGNORECASE)
_SPLIT: Final = re.compile(r"[_-]+|(?<=[a-z0-9])(?=[A-Z])")

_ABOUT_WORDS: Final = """
    algorithm at attempts auto autocomplete bg border box button change changed class color colour container count
    created enabled endpoint error errors exp expires expiry expiration expired field fields flow focus font form group
    header hint id icon index input label length level limit link manager max message method min mode name node page
    panel placeholder policy position prefix provider question required reset rules scheme scope screen score section
    size source state status step strength style text timeout title toggle ttl type types unit updated uri url usage
    used valid validation version view visible visibility width wrapper
"""
_ABOUT: Final = frozenset(_ABOUT_WORDS.split())
_LITERALS_WORDS: Final = """
    true false null none undefined nan nil yes no on off void string number boolean any unknown object function
    required optional missing invalid valid expired empty hidden redacted masked filtered removed revoked disabled
    enabled failed ok success error bearer basic digest default new current current-password new-password password
    hover focus active visited before after checked disabled root is not where has first-child last-child
    only-child nth-child nth-of-type focus-within focus-visible placeholder-shown placeholder inherit initial unset
    auto block flex grid inline absolute relative fixed sticky text url basic oauth oauth2 sso pending refreshed
"""
_LITERALS: Final = frozenset(_LITERALS_WORDS.split())
_CODE: Final = re.compile(
    r"(?:[A-Za-z_$]{1,2}|this|self|window|document|process|props|state|req|res|event|params|options|config|ctx)(?:\.[A-Za-z_$]\w{0,40})+$"
)
_SIZE: Final = re.compile(r"-?\d+(?:\.\d+)?(?:px|em|rem|%|ms|s|vh|vw|kb|mb)", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[ \t]+[A-Za-z]{2,}")
_LEAST_TOKEN: Final = 4


def names_one(lowered: str) -> bool:
    """Whether a text in lower case could hold a name and its assignment: a cheap superset."""
    return (":" in lowered or "=" in lowered) and any(stem in lowered for stem in _STEMS)


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    name = _NAME.search(text)
    while name:
        at = name.end()
        rest = _REST.match(text, at)
        stop = rest.end() if rest else at
        assign = _ASSIGN.match(text, stop)
        if assign and _is_name(text, name, text[at:stop]) and not _is_selector(text, name.start(), assign[0]):
            span = _value(text, assign, is_password=name[0].lower() in _PASSWORDS)
            at = assign.end()
            if span:
                yield span
                at = max(at, span[1])
        name = _NAME.search(text, at)


def _is_name(text: str, name: re.Match[str], rest: str) -> bool:
    """Whether the match is whole words of its name, and the name's last word is not about the secret."""
    start = name.start()
    before = text[start - 1 : start]
    if before.isalpha() and not (name[0][0].isupper() and before.islower()):
        return False
    if not rest:
        return True
    if rest[0].islower() or (rest[0].isupper() and name[0].isupper()):
        return False
    return _SPLIT.split(rest)[-1].lower() not in _ABOUT


def _is_selector(text: str, start: int, assign: str) -> bool:
    """Whether the name is part of a selector or a custom property: `.token:hover`, `#auth:focus`, `--auth: red`."""
    before = text[max(0, start - 2) : start]
    return assign.strip() == ":" and before[-1:] in {".", "#", "-"} and not before[:1].isalnum()


def _value(text: str, assign: re.Match[str], *, is_password: bool) -> tuple[int, int] | None:
    at = assign.end()
    quote = _QUOTE.match(text, at)
    if quote:
        start = quote.end()
        scheme = _SCHEME.match(text, start)
        start = scheme.end() if scheme else start
        end = _closing(text, quote[0], start)
        return (start, end) if _is_secret(text[start:end], is_password=is_password) else None
    scheme = _SCHEME.match(text, at)
    bare = _BARE.match(text, scheme.end() if scheme else at)
    if not bare:
        return None
    value = bare[0].rstrip(".!?")
    start, end = bare.start(), bare.start() + len(value)
    if not _is_secret(value, is_password=is_password) or _SIZE.fullmatch(value) or _CODE.match(value):
        return None
    if text[bare.end() : bare.end() + 1] in {"(", "["}:
        return None  # a call
    is_word = value.isalpha() and (value.islower() or value.istitle())
    if is_word and assign[0].strip() == ":" and assign[0] != ":" and _SENTENCE.match(text, end):
        return None
    return start, end


def _closing(text: str, quote: str, start: int) -> int:
    """Where the quoted value ends: before the next quote of the same depth of escapes, or with the text."""
    at = text.find(quote, start)
    while at > 0 and len(quote) == 1 and text[at - 1] == "\\" and text[at - 2] != "\\":
        at = text.find(quote, at + 1)
    return at if at >= 0 else len(text)


def _is_secret(value: str, *, is_password: bool) -> bool:
    if value.lower() in _LITERALS or not any(character.isalnum() for character in value):
        return False
    if value[0] in "[{$<(" and value[-1:] in "]})>":
        return False  # a placeholder, masked or to be filled in
    return is_password or len(value) >= _LEAST_TOKEN


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    hits = list(_find(text, context))
    for name in _NAME.finditer(text):
        rest = _REST.match(text, name.end())
        assign = _ASSIGN.match(text, rest.end() if rest else name.end())
        value = _BARE.match(text, assign.end()) if assign else None
        if value and not any(start < value.end() and value.start() < end for start, end in hits):
            is_name = _is_name(text, name, rest[0] if rest else "")
            reason = MissReason.PLACEHOLDER if is_name else MissReason.INSIDE_LONGER_TOKEN
            yield Miss(*value.span(), DETECTOR.name, reason)


DETECTOR: Final = Detector(
    name="secret",
    title="password or secret by its name",
    label="secret",
    hint=lambda text: names_one(text.lower()),
    find=_find,
    why_not=_why_not,
    folded=tuple((stem, NAMED) for stem in _STEMS if stem[0].isascii()),
)
