"""May this visit be recorded, where the law asks for consent first? Read from what consent tools leave in cookies.

Each tool is one row of READERS. A reader says yes, no, or nothing (None); what it can't read is a no. One no outweighs any
yes; without any yes there is no consent. An explicit no counts everywhere, also where consent is not required.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import parse_qs, unquote

from gateway.core.message import Inbound
from gateway.core.region import is_in
from gateway.policy.signals import cookie_pairs
from gateway.policy.tcf import gpp_consents, purposes_consented, usp_opted_out

_NEEDED: Final = frozenset({"analytics", "statistics", "performance", "measurement"})
NO_SIGNAL: Final = "none"
"""What decided where no signal did."""

_OWN_COOKIE: Final = "own_cookie"
_MOST: Final = 32  # signals of one request that are looked at; more are no way for a visitor to say anything


class Answer(StrEnum):
    """What the signals of a request say together."""

    GIVEN = "consent"
    REFUSED = "consent_refused"
    MISSING = "no_consent"


@dataclass(frozen=True, slots=True)
class Reader:
    """How one tool's signal is read: cookies and query parameters by name (globs), and a function of the value.

    The function gets the value as it came and the purposes that are needed; True is a yes, False a no, None says nothing.
    It may raise ValueError, KeyError, TypeError or RecursionError for what it can't read: a no.
    """

    title: str
    cookies: tuple[str, ...]
    read: Callable[[str, frozenset[int]], bool | None]
    query: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()  # cookies that say no by being there

    @property
    def signal(self) -> str:
        """How counts name it: never by a cookie's name or value."""
        return next((name for name, one in READERS.items() if one is self), _OWN_COOKIE)


def _tcf(value: str, purposes: frozenset[int]) -> bool:
    return purposes <= purposes_consented(value)


def _gpp(value: str, purposes: frozenset[int]) -> bool | None:
    opted_out, given = gpp_consents(unquote(value))
    return False if opted_out else None if given is None else purposes <= given


def _usp(value: str, _: frozenset[int]) -> bool | None:
    return False if usp_opted_out(value) else None


def _onetrust(value: str, _: frozenset[int]) -> bool | None:
    """`…&groups=C0001:1,C0002:0`, percent-encoded; C0002 are performance cookies."""
    groups = parse_qs(unquote(value)).get("groups")
    return None if groups is None else "C0002:1" in groups[0].split(",")


def _cookiebot(value: str, _: frozenset[int]) -> bool | None:
    """`{stamp:'…',statistics:true,…}`; `-1`: in a country where the owner asks nobody."""
    told = unquote(value)
    if told in {"-1", "0"}:
        return True if told == "-1" else None
    return re.search(r"\bstatistics:(true|false)\b", told)[1] == "true"  # type: ignore[index]  # TypeError: a no


def _didomi(value: str, _: frozenset[int]) -> bool | None:
    """Base64 of JSON with lists of purposes that are enabled and disabled."""
    told = json.loads(base64.b64decode(unquote(value) + "==", validate=False))["purposes"]
    enabled, disabled = set(told.get("enabled") or ()), set(told.get("disabled") or ())
    if disabled & {"measure_content_performance", "audience_measurement", *_NEEDED}:
        return False
    return bool(enabled & {"measure_content_performance", "audience_measurement", *_NEEDED}) and not disabled


def _cookieyes(value: str, _: frozenset[int]) -> bool | None:
    """`consentid:…,action:yes,analytics:no,…`; before anybody chose, `action` is empty."""
    told = dict(pair.partition(":")[::2] for pair in unquote(value).split(","))
    return told["analytics"] == "yes" if told.get("action") == "yes" else None


def _klaro(value: str, _: frozenset[int]) -> bool:
    """JSON: each service that was asked for → true or false. Which of them records is not told, so all must be true."""
    told = json.loads(unquote(value))
    return bool(told) and all(one is True for one in told.values())


def _google(value: str, _: frozenset[int]) -> bool | None:
    """Consent mode's `gcs`: G1, then 1 or 0 for advertising and for analytics storage."""
    return re.fullmatch(r"G1[01-]([01-])", value)[1] == "1"  # type: ignore[index]  # TypeError: a no


READERS: Final[Mapping[str, Reader]] = {
    "tcf": Reader("IAB TCF v2", ("euconsent-v2",), _tcf, ("gdpr_consent",)),
    "gpp": Reader("IAB GPP", ("__gpp", "gpp", "OTGPPConsent"), _gpp, ("gpp",)),
    "usp": Reader("IAB US Privacy", ("usprivacy",), _usp, ("us_privacy",)),
    "onetrust": Reader("OneTrust", ("OptanonConsent",), _onetrust),
    "cookiebot": Reader("Cookiebot", ("CookieConsent",), _cookiebot),
    "didomi": Reader("Didomi", ("didomi_token",), _didomi),
    "cookieyes": Reader("CookieYes", ("cookieyes-consent",), _cookieyes),
    "klaro": Reader("Klaro", ("klaro",), _klaro),
    "matomo": Reader("Matomo", ("mtm_consent",), lambda value, _: bool(value), refusals=("mtm_consent_removed",)),
    "google": Reader("Google consent mode", (), _google, ("gcs",)),
}
"""Usercentrics keeps what was chosen in the page's own storage; with its TCF set-up it leaves the cookie of `tcf`."""


def own_reader(text: str) -> Reader:
    """A cookie of the site's own: `name=value` says yes with that value (a glob), and no with any other."""
    name, equals, wanted = text.partition("=")
    if not equals or not name or not wanted:
        raise ValueError(f"{text!r} is neither a tool ({', '.join(READERS)}) nor a cookie such as consent=yes")
    return Reader(name, (name,), lambda value, _: fnmatchcase(unquote(value), wanted))


@dataclass(frozen=True, slots=True)
class Consent:
    """`visitors.consent` of gateway.yaml. `purposes` are those of TCF that are needed."""

    required_in: tuple[str, ...]
    readers: tuple[Reader, ...] = tuple(READERS.values())
    purposes: frozenset[int] = frozenset({1, 8})

    def ask(self, inbound: Inbound) -> Answer:
        """What the request's signals say; GIVEN, too, where nothing is said and consent is not required."""
        return self.hear(inbound)[0]

    def hear(self, inbound: Inbound) -> tuple[Answer, str]:
        """What the request's signals say, and the name of the one that decided."""
        told = list(self._told(inbound))
        for answer, word in ((Answer.REFUSED, False), (Answer.GIVEN, True)):
            for reader, said in told:
                if said is word:
                    return answer, reader.signal
        missing = is_in(inbound.country, self.required_in)
        return Answer.MISSING if missing else Answer.GIVEN, NO_SIGNAL

    def _told(self, inbound: Inbound) -> Iterator[tuple[Reader, bool | None]]:
        cookies = list(cookie_pairs(inbound.headers))
        query = parse_qs(inbound.query, max_num_fields=None) if inbound.query else {}
        found = 0
        for reader in self.readers:
            if any(name in reader.refusals for name, _ in cookies):
                yield reader, False
            values = [
                value for name, value in cookies if name and any(fnmatchcase(name, one) for one in reader.cookies)
            ]
            values += [value for name in reader.query for value in query.get(name, ())]
            for value in values:
                found += 1
                yield reader, False if found > _MOST else self._read(reader, value)

    def _read(self, reader: Reader, value: str) -> bool | None:
        try:
            return reader.read(value, self.purposes)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            return False


def of_names(names: tuple[str, ...]) -> tuple[Reader, ...]:
    """The readers that a configuration lists; ValueError for a word that is none."""
    return tuple(READERS[name] if name in READERS else own_reader(name) for name in names)
