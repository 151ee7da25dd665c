"""Labelled values: what they are, and the text that they stand in. Every value is made up, by a seeded generator."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import phonenumbers
from faker import Faker
from stdnum import luhn

LOCALES = ("en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE", "ja_JP", "en_IN", "tr_TR")


@dataclass(frozen=True)
class Sample:
    """`text` holds `value`; `key` is a field's name that says what it is; `number` where it may be written as one."""

    kind: str
    value: str
    before: str = ""
    after: str = ""
    key: str = "note"
    number: bool = False

    @property
    def text(self) -> str:
        return f"{self.before}{self.value}{self.after}"


BEFORE = ("", "paid with ", "sent to ", "see: ", "Ticket says (", '{"v": "', "on file=")
AFTER = ("", " yesterday", ", thanks", ") and more", '"', ";")
CARD_KINDS = ("visa16", "mastercard", "amex", "discover", "jcb16", "diners")

# module of stdnum → the words that stand before it; all but the last group are numbers of digits alone
NATIONAL = {
    "ar.cuit": "CUIT", "at.vnr": "SV-Nummer", "au.tfn": "TFN", "be.nn": "Rijksregisternummer", "bg.egn": "ЕГН",
    "br.cpf": "CPF", "br.cnpj": "CNPJ", "ca.sin": "SIN", "ch.ssn": "AHV-Nr.", "cl.rut": "RUT", "cn.ric": "身份证号",
    "cz.rc": "Rodné číslo", "de.idnr": "Steuer-ID", "dk.cpr": "CPR-nr", "do.cedula": "Cédula", "ec.ci": "Cédula",
    "ee.ik": "Isikukood", "fr.nir": "Numéro de sécurité sociale", "gb.nhs": "NHS number", "gb.utr": "UTR",
    "gr.amka": "ΑΜΚΑ", "hr.oib": "OIB", "id.nik": "NIK", "il.idnr": "Teudat Zehut", "in_.aadhaar": "Aadhaar",
    "is_.kennitala": "Kennitala", "jp.in_": "マイナンバー", "kr.rrn": "주민등록번호", "lt.asmens": "Asmens kodas",
    "lv.pvn": "Personas kods", "nl.bsn": "BSN", "no.fodselsnummer": "Fødselsnummer", "nz.ird": "IRD number",
    "pl.pesel": "PESEL", "pl.nip": "NIP", "pt.nif": "NIF", "ro.cnp": "CNP", "ru.inn": "ИНН", "se.personnummer":
    "Personnummer", "si.emso": "EMŠO", "sk.rc": "Rodné číslo", "th.pin": "Thai ID", "tr.tckimlik": "T.C. Kimlik No",
    "ua.rntrc": "РНОКПП", "za.idnr": "ID number",
    "es.dni": "DNI", "es.nie": "NIE", "fi.hetu": "HETU", "ie.pps": "PPS No.", "in_.pan": "PAN",
    "it.codicefiscale": "Codice fiscale", "mx.curp": "CURP", "pt.cc": "Cartão de cidadão",
}  # fmt: skip
_EXAMPLE = re.compile(r">>> (?:validate|compact|format)\(u?'([^']+)'")
BORN = {"en": "Date of birth: ", "de": "Geburtsdatum: ", "fr": "née le ", "es": "Fecha de nacimiento: ",
        "it": "nata il ",        "nl": "Geboortedatum ", "pl": "Data urodzenia: ", "dob": "DOB "}  # fmt: skip
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d %B %Y", "%B %d, %Y", "%d-%m-%Y", "%Y/%m/%d")


class People:
    """Draws samples. One instance a run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fakers = [Faker(locale) for locale in LOCALES]
        for number, faker in enumerate(self.fakers):
            faker.seed_instance(seed + number)
        self.numbers = [
            (region, kind, example)
            for region in phonenumbers.SUPPORTED_REGIONS
            for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
            if (example := phonenumbers.example_number_for_type(region, kind)) is not None
        ]
        self.numbers.sort(key=lambda one: (one[0], one[1]))
        self.national = {name: self._examples(name) for name in NATIONAL}

    def samples(self, size: int) -> Iterator[Sample]:
        """`size` samples of every kind."""
        for kind, draw in (
            ("payment_card", self._card), ("iban", self._iban), ("email", self._email), ("ipv4", self._ipv4),
            ("ipv6", self._ipv6), ("device_id", self._device), ("phone", self._phone), ("national_id", self._national),
            ("us_ssn", self._ssn), ("imei", self._imei), ("date_of_birth", self._born), ("coordinates", self._place),
            ("mac", self._mac), ("jwt", self._jwt), ("api_key", self._api_key), ("secret", self._secret),
            ("file_user", self._user),
        ):  # fmt: skip
            for _ in range(size):
                sample = draw()
                assert sample.kind == kind
                yield sample

    def _faker(self) -> Faker:
        return self.random.choice(self.fakers)

    def _framed(self, kind: str, value: str, **told: object) -> Sample:
        return Sample(kind, value, self.random.choice(BEFORE), self.random.choice(AFTER), **told)

    def _card(self) -> Sample:
        digits = self.fakers[0].credit_card_number(self.random.choice(CARD_KINDS))
        while (
            digits[:2] == "35" and not "3528" <= digits[:4] <= "3589"
        ):  # Faker draws JCB numbers that JCB doesn't have
            digits = self.fakers[0].credit_card_number("jcb16")
        if len(digits) == 16 and self.random.random() < 0.4:
            digits = self.random.choice((" ", "-")).join(digits[at : at + 4] for at in range(0, 16, 4))
        return self._framed("payment_card", digits, number=digits.isdecimal())

    def _iban(self) -> Sample:
        value = self.random.choice(
            [faker for faker in self.fakers if faker.locales[0][:2] in ("de", "fr", "es", "it", "nl", "pl")]
        ).iban()
        if self.random.random() < 0.4:
            value = " ".join(value[at : at + 4] for at in range(0, len(value), 4))
        return self._framed("iban", value)

    def _email(self) -> Sample:
        return self._framed("email", self._faker().email())

    def _ipv4(self) -> Sample:
        value = ".".join(str(self.random.randint(1, 254)) for _ in range(4))
        return self._framed("ipv4", value.replace("127.", "128.", 1) if value.startswith("127.") else value)

    def _ipv6(self) -> Sample:
        return self._framed("ipv6", self.fakers[0].ipv6())

    def _device(self) -> Sample:
        return Sample(
            "device_id", self.fakers[0].uuid4(), key=self.random.choice(("deviceId", "device_id", "anonymousId"))
        )

    def _phone(self) -> Sample:
        _, _, number = self.random.choice(self.numbers)
        national = self.random.random() < 0.4
        form = (
            phonenumbers.PhoneNumberFormat.NATIONAL
            if national
            else self.random.choice((phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164))
        )
        value = phonenumbers.format_number(number, form)
        while len(re.sub(r"\D", "", value)) < 7:
            _, _, number = self.random.choice(self.numbers)
            value = phonenumbers.format_number(number, form)
        before = (
            self.random.choice(("Tel. ", "phone: ", "my mobile number is ", "Telefon: "))
            if national
            else self.random.choice(BEFORE)
        )
        return Sample("phone", value, before, self.random.choice(AFTER), key="telefon", number=value.isdecimal())

    @staticmethod
    def _examples(name: str) -> tuple[str, ...]:
        """Valid numbers: those of the module's documentation, and their neighbours that are valid too."""
        module = import_module(f"stdnum.{name}")
        found = [one.strip() for one in _EXAMPLE.findall(module.__doc__ or "") if module.is_valid(one)]
        compact = re.sub(r"^[A-Z]{2} ", "", found[0])
        more = []
        places = [at for at, sign in enumerate(compact) if sign.isdecimal()]
        for first in places[-6:]:
            for second in places[-6:]:
                for step in range(100):
                    signs = list(compact)
                    signs[first], signs[second] = str(step // 10), str(step % 10)
                    number = "".join(signs)
                    if module.is_valid(number):
                        more.append(number)
        return tuple(dict.fromkeys([compact, *more]))[:200]

    def _national(self) -> Sample:
        name = self.random.choice(list(NATIONAL))
        value = self.random.choice(self.national[name])
        word = NATIONAL[name]
        compact = re.sub(r"[ ./-]", "", value)
        return Sample(
            "national_id", value, f"{word}{self.random.choice((': ', ' ', '='))}", self.random.choice(AFTER), key=word,
            number=compact.isdecimal() and compact[0] != "0" and compact == value,
        )  # fmt: skip

    def _ssn(self) -> Sample:
        value = self.fakers[0].ssn()
        return self._framed("us_ssn", value)

    def _imei(self) -> Sample:
        body = "35" + "".join(str(self.random.randint(0, 9)) for _ in range(12))
        value = body + luhn.calc_check_digit(body)
        return Sample(
            "imei",
            value,
            self.random.choice(("IMEI: ", "IMEI ", "device imei=")),
            self.random.choice(AFTER),
            key="imei",
            number=True,
        )

    def _born(self) -> Sample:
        day = self.fakers[0].date_of_birth(minimum_age=18, maximum_age=90)
        value = day.strftime(self.random.choice(DATES))
        return Sample(
            "date_of_birth",
            value,
            self.random.choice(list(BORN.values())),
            self.random.choice(AFTER),
            key="Geburtsdatum",
        )

    def _place(self) -> Sample:
        value = f"{self.random.uniform(-80, 80):.5f}, {self.random.uniform(2, 179):.5f}"
        return Sample(
            "coordinates",
            value,
            self.random.choice(("", "at ", "Position: ", "gps=")),
            self.random.choice(("", " now", ";")),
            key="position",
        )

    def _mac(self) -> Sample:
        value = ":".join(f"{self.random.randint(17, 254):02x}" for _ in range(6))
        return self._framed("mac", value)

    def _jwt(self) -> Sample:
        def part(told: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

        signature = base64.urlsafe_b64encode(self.random.randbytes(32)).decode().rstrip("=")
        value = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': self.fakers[0].uuid4()})}.{signature}"
        return Sample("jwt", value, self.random.choice(("", "got ")), "")

    def _api_key(self) -> Sample:
        tail = "".join(
            self.random.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(36)
        )
        return Sample(
            "api_key", self.random.choice(("sk_live_", "ghp_", "npm_")) + tail, self.random.choice(("", "key ")), " ok"
        )

    def _secret(self) -> Sample:
        value = self.fakers[0].password(12, special_chars=False)
        return Sample("secret", value, self.random.choice(("password=", 'Passwort: "', "token: ")), '"', key="password")

    def _user(self) -> Sample:
        return Sample(
            "file_user",
            self.fakers[0].user_name(),
            self.random.choice(("/Users/", "C:\\Users\\", "file:///home/")),
            "/x.js",
        )
