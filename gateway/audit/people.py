"""Made-up people: values of every kind that the default rules promise to mask, from a seed, so that a finding can be repeated.

Nobody here exists: names and addresses are Faker's, cards and accounts have valid checksums on test ranges, telephone
numbers come from ranges that are kept for fiction, addresses of machines from the ranges of RFC 5737 and RFC 3849.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from faker import Faker
from stdnum import iban as stdnum_iban
from stdnum import luhn

_LOCALES: Final = ("de_DE", "en_US", "fr_FR", "es_ES", "it_IT", "pl_PL", "nl_NL", "en_GB")

# kinds that a detector finds in any text; the others need their place to say what they are
DETECTED: Final = ("email", "card", "iban", "phone", "ipv4", "ipv6", "mac", "ssn", "token")
TOLD: Final = ("name", "street", "password", "typed")
IDS: Final = ("device", "user")


@dataclass(frozen=True, slots=True)
class Person:
    """One made-up person: kind → value. `number` repeats it with the same seed."""

    number: int
    values: Mapping[str, str]


def people(count: int, seed: int) -> Iterator[Person]:
    """`count` people from a seed."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is a secret
    fakes = [Faker(locale) for locale in _LOCALES]
    for at, fake in enumerate(fakes):
        fake.seed_instance(seed + at)
    for number in range(count):
        yield Person(number, _values(fakes[number % len(fakes)], chance, number))


def _values(fake: Faker, chance: random.Random, number: int) -> dict[str, str]:
    digits = "".join(chance.choices("0123456789", k=9))
    mark = f"{number:05d}{chance.randrange(16**6):06x}"
    name = f"{fake.first_name()} {fake.last_name()}-{mark[-6:].upper()}"
    return {
        "email": f"{fake.user_name()}.{mark}@{chance.choice(('example.org', 'example.com', 'mail.example.net'))}",
        "card": _card(chance),
        "iban": _iban(chance),
        "phone": f"+1 {chance.choice((212, 303, 415, 512, 617, 702))} 555 01{digits[:2]}",
        "ipv4": f"203.0.113.{chance.randrange(1, 255)}" if number % 2 else f"198.51.100.{chance.randrange(1, 255)}",
        "ipv6": f"2001:db8:{chance.randrange(16**4):x}:{chance.randrange(16**4):x}::{chance.randrange(1, 16**4):x}",
        "mac": ":".join(f"{chance.randrange(256):02x}" for _ in range(6)),
        "ssn": f"{chance.randrange(100, 665)}-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}",
        "token": f"eyJhbGciOiJIUzI1NiJ9.{_letters(chance, 24)}.{_letters(chance, 32)}",
        "name": name,
        "street": f"{fake.street_name()} {chance.randrange(1, 200)}{chance.choice('abc')} {mark}",
        "password": f"Pw!{_letters(chance, 10)}{number}",
        "typed": f"{fake.city()} typed {mark}",
        "device": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "user": f"user-{mark}",
    }


def _card(chance: random.Random) -> str:
    body = chance.choice(("4012", "5454", "3782", "6011")) + "".join(chance.choices("0123456789", k=11))
    body = body[:14] if body.startswith("37") else body
    return body + str(luhn.calc_check_digit(body))


def _iban(chance: random.Random) -> str:
    body = "DE" + "00" + "".join(chance.choices("0123456789", k=18))
    return "DE" + stdnum_iban.calc_check_digits(body) + body[4:]


def _letters(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=count))
