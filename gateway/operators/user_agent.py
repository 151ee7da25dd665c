"""Coarsens what tells one browser from another of its kind: user agents, client hints, screens, hardware.

Browser family, major version and platform stay; minor versions become 0, part for part; tokens that browsers froze
stay; Android models become `K`, the way Chrome's own reduction writes them, and build ids go. What is coarse already
comes out byte for byte. Reads text token by token and understands none of it wholly: what it doesn't know and mixes
letters with digits (a model, an id) goes, what is only letters stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from math import frexp

from gateway.operators.mask import mask_text

STEP = 20  # screens are rounded to it
FEWEST_SCREEN_PIXELS = 300  # a bare number below this is more likely a version or a depth than a length
MOST = 16  # cores, gigabytes: browsers themselves stop at 8, and few machines have more than this

FROZEN = frozenset({"Mozilla", "AppleWebKit", "Safari", "KHTML"})  # products whose version no browser changes any more
MOBILE_BUILD = "15E148"  # what Safari froze `Mobile/…` to
_KNOWN_WORDS = """
    x86 x86_64 x64 Win64 Win32 WOW64 i386 i586 i686 arm64 arm64-v8a armeabi-v7a armv6l armv7l armv8l aarch64 amd64
    ppc64le X11 K H264 H265 HTML5 4G 5G
"""
KNOWN_WORDS = frozenset(_KNOWN_WORDS.split())  # letters and digits that tell a platform, no model
_MODEL_FAMILIES = "iPhone|iPad|iPod|AppleTV|Watch|MacBookPro|MacBookAir|MacBook|Macmini|MacPro|iMac|Mac"

_APPLE = re.compile(rf"({_MODEL_FAMILIES})\d+,\d+")
_PHONES = "Galaxy|Nexus|OnePlus|Pixel|Redmi|Xperia"

_SIZE = re.compile(r"(\d{2,5})(\s?[x×X*,]\s?)(\d{2,5})((?:\s?[x×X*@,]\s?\d{1,2})?)")
_ANDROID = re.compile(r"\b(Android)( \d+)?[\d.]*((?:;(?:[^;()]|\([^()]*\))*)*)")
_ANDROID_PARTS = re.compile(
    r"\s*(?:U|K|wv|Mobile|Tablet|VR|TV|rv:[\d.]+|[a-z]{2}(?:[-_][A-Za-z]{2})?|Linux.{0,12}|)\s*"
)
_BUILD = re.compile(r"\s?\bBuild/[^;()]*")
_TOKEN = re.compile(
    r"(?P<link>https?://[\w.-]+(?:/[\w./-]*)?)"
    r"|(?P<platform>\bWindows NT \d+\.\d+|\bMac OS X 10[._]\d+(?:[._]\d+)?(?![\d._])|\bCrOS \w+ 14541\.0\.0)"
    r"|(?P<ios>\b(?:iPhone OS|CPU OS) (?P<ios_major>\d+)(?:_\d+)+)"
    rf"|(?P<apple>\b{_APPLE.pattern})"
    rf"|(?P<phone>\b(?:{_PHONES})\b(?: (?:[A-Z]?\d\w*|Pro|Plus|XL|Ultra|Note|Tab|Max|FE)\b){{0,4}}(?!/))"
    r"|(?P<product>(?P<name>[A-Za-z][\w.+!-]{0,63})/(?P<version>[^\s;,()\[\]\"|]+(?:,\d+)?))"
    r"|(?P<screen>\b\d{3,5}x\d{3,5}\b)"
    r"|(?P<bare>\b\d[\w.+-]*)"
    r"|(?P<word>[A-Za-z_][\w-]*)"
)
_VERSION = re.compile(r"(\d+)((?:[._]\d+)*)(.*)", re.DOTALL)
_DIGITS = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_POSSESSIVE = re.compile(r"\w['’]s\b")  # a device that people named after themselves
_LETTERS = re.compile(r"[A-Za-z_-]{1,16}")


def _nearest_step(number: int) -> int:
    sign = -1 if number < 0 else 1
    return sign * max(STEP, (abs(number) + STEP // 2) // STEP * STEP) if number else 0


def coarsen_version(text: str) -> str:
    """`156.0.8078.79` → `156.0.0.0`, `17_4_1` → `17_0_0`; suffixes go, a build number (5 digits and more) is 0."""
    found = _VERSION.fullmatch(text)
    if found is None:
        return "0"
    major, rest, suffix = found.groups()
    if len(major) > 4 or (not rest and suffix[:1].isalnum()):  # `15E148` is an id that starts with digits
        major = "0"
    return major + re.sub(r"0*[1-9]\d*", "0", rest)


def _coarsen_product(name: str, version: str) -> str:
    if name in FROZEN and re.fullmatch(r"[\d.]+", version):
        return version
    if name == "Gecko" and re.fullmatch(r"20100101", version):
        return version
    if name == "Mobile":
        return MOBILE_BUILD
    model = _APPLE.fullmatch(version)
    if model is not None:
        return model[1]
    return version if _LETTERS.fullmatch(version) else coarsen_version(version)


def _coarsen_token(found: re.Match[str]) -> str:
    token = found[0]
    match found.lastgroup:
        case "ios":
            return token[: token.index(found["ios_major"])] + found["ios_major"] + "_0"
        case "apple":
            return token.rstrip("0123456789,")
        case "phone":
            return "K"
        case "product":
            return f"{found['name']}/{_coarsen_product(found['name'], found['version'])}"
        case "screen":
            return _SIZE.sub(_coarsen_size, token)
        case "bare":
            return coarsen_version(token)
        case "word":
            return token if token in KNOWN_WORDS or not any(char.isdigit() for char in token) else "K"
        case _:
            return token


def _coarsen_size(found: re.Match[str]) -> str:
    return f"{_nearest_step(int(found[1]))}{found[2]}{_nearest_step(int(found[3]))}{found[4]}"


def _coarsen_android(found: re.Match[str]) -> str:
    """The parts of a comment that follow `Android 14`: the first that is no known one is the model."""
    parts: list[str] = []
    has_model = False
    for part in found[3].split(";")[1:]:
        if _ANDROID_PARTS.fullmatch(part):
            parts.append(part)
            has_model = has_model or part.strip() == "K"
        elif not has_model:
            parts.append(" K")
            has_model = True
    return "".join([found[1], found[2] or "", *(f";{part}" for part in parts)])


def coarsen(user_agent: str) -> str:
    """A user agent, or anything made of such tokens: brand lists, versions, names of browsers and systems."""
    return _TOKEN.sub(_coarsen_token, _ANDROID.sub(_coarsen_android, _BUILD.sub("", user_agent)))


def _as_step(number: Decimal) -> Decimal:
    return Decimal(_nearest_step(int(number)))


def _as_half(number: Decimal) -> Decimal:
    return max((number * 2).to_integral_value(ROUND_HALF_UP), Decimal(1)) / 2


def _as_power_of_two(number: Decimal) -> Decimal:
    """The nearest power of two, at most 16 of the unit it seems to be in: pieces or gibibytes, MiB, KiB, bytes."""
    if number <= 0:
        return Decimal(0)
    unit = 1
    while number >= unit * MOST * 64:
        unit *= 1024
    part, exponent = frexp(float(number))  # part is in [0.5, 1)
    power = Decimal(2) ** (exponent if part >= 0.75 else exponent - 1)
    return min(max(power, Decimal("0.25")), Decimal(MOST * unit))


def _as_it_is(number: Decimal) -> Decimal:
    return number


def _as_guessed(number: Decimal) -> Decimal:
    """Without a word that tells: long lengths are rounded, fractions to halves; small whole numbers stay."""
    if number != number.to_integral_value():
        return _as_half(abs(number))
    return _as_step(number) if abs(number) >= FEWEST_SCREEN_PIXELS else number


# words of a field's key → what its number becomes; the first row that shares a word wins
NUMBERS: tuple[tuple[frozenset[str], Callable[[Decimal], Decimal]], ...] = (
    (
        frozenset(
            {"viewport", "window", "inner", "client", "page", "document", "body", "color", "colour", "depth", "bits"}
        ),
        _as_it_is,
    ),
    (frozenset({"ratio", "density", "dpr", "scale", "zoom"}), _as_half),
    (frozenset({"memory", "ram", "concurrency", "cores", "cpu", "cpus", "processors", "threads"}), _as_power_of_two),
    (frozenset({"screen", "resolution", "display", "width", "height", "avail", "outer"}), _as_step),
)
VIEWPORT_WORDS = frozenset({"viewport", "inner"})
MODEL_WORDS = frozenset({"model"})
VERSION_WORDS = frozenset({"version"})


def coarsen_number(literal: str, words: tuple[str, ...] = ()) -> str:
    """A number literal rounded as `words`, those of its field's key, tell; what is coarse already stays as written."""
    if VERSION_WORDS.intersection(words):
        return coarsen_version(literal) if _VERSION.fullmatch(literal) else "0"
    try:
        number = Decimal(literal) if len(literal) <= 40 else Decimal("NaN")
    except InvalidOperation:
        return "0"
    if not number.is_finite() or (number and abs(number.adjusted()) > 18):
        return "0"
    coarse = next((rule for known, rule in NUMBERS if known.intersection(words)), _as_guessed)(number)
    return literal if coarse == number else f"{coarse.normalize():f}"


def coarsen_text(text: str, words: tuple[str, ...] = ()) -> str:
    """Any text of the category `user_agent`: a user agent, a client hint, a size, a version, a name, a model."""
    if MODEL_WORDS.intersection(words):
        return '""' if text.startswith('"') else ""
    if VIEWPORT_WORDS.intersection(words):
        return text
    coarse = _coarsen_whole(text, words)
    return coarse if coarse == text else _coarsen_whole(coarse, words)  # `1366.` leaves a number


def _coarsen_whole(text: str, words: tuple[str, ...]) -> str:
    if _DIGITS.fullmatch(text):
        return coarsen_number(text, words)
    if _SIZE.fullmatch(text):
        return _SIZE.sub(_coarsen_size, text)
    return mask_text(text) if _POSSESSIVE.search(text) else coarsen(text)
