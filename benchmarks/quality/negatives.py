"""Harmless strings, as pages, logs and events are full of them. None is about a person; a detector that fires here is
wrong.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from faker import Faker

_START = datetime(2024, 1, 1, tzinfo=UTC)
_WORDS = (
    "flex",
    "items-center",
    "btn",
    "btn--primary",
    "col-md-6",
    "is-active",
    "px-4",
    "py-2",
    "w-1/2",
    "md:grid-cols-3",
    "text-[13px]",
    "card",
    "card__title",
    "auth-form",
    "token-list",
    "password-field",
    "v-12",
    "h-5",
    "grid",
)
_PROPERTIES = (
    "margin",
    "padding",
    "width",
    "height",
    "transform",
    "color",
    "background",
    "transition",
    "box-shadow",
    "font",
)
_CURRENCIES = ("€", "$", "£", "EUR", "USD", "kr", "zł", "Rp", "₺", "₫", "CHF")


class Negatives:
    """Draws strings by kind, in equal shares."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.faker = Faker(("en_US", "de_DE", "fr_FR"))
        self.faker.seed_instance(seed)
        self.kinds: dict[str, Callable[[], str]] = {
            "user agents": self.faker.user_agent,
            "ISO dates": self._iso,
            "dates and times": self._date,
            "Unix times": self._unix,
            "UUIDs": lambda: str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "hashes": self._hash,
            "ids": self._id,
            "prices": self._price,
            "order numbers": self._order,
            "SKUs and parcels": self._sku,
            "versions": self._version,
            "class names": self._classes,
            "CSS": self._css,
            "drawings": self._drawing,
            "sentences": self._sentence,
            "phrases": lambda: str(self.faker.bs()),
            "file names": self._file,
            "paths": self._path,
            "stack frames": self._frame,
            "numbers": self._number,
            "sizes": self._size,
            "log lines": self._log,
            "selectors": self._selector,
            "code": self._code,
            "products": self._product,
        }

    def strings(self, count: int) -> Iterator[tuple[str, str]]:
        """`count` pairs of kind and string."""
        kinds = list(self.kinds)
        for number in range(count):
            kind = kinds[number % len(kinds)]
            yield kind, self.kinds[kind]()

    def _digits(self, least: int, most: int) -> str:
        return "".join(self.random.choice("0123456789") for _ in range(self.random.randint(least, most)))

    def _moment(self) -> datetime:
        return _START + timedelta(seconds=self.random.randint(0, 90_000_000))

    def _iso(self) -> str:
        moment = self._moment()
        return self.random.choice(
            (
                moment.isoformat(),
                moment.date().isoformat(),
                f"{moment:%Y-%m-%dT%H:%M:%S}.{self._digits(3, 3)}Z",
                f"{moment:%Y%m%dT%H%M%SZ}",
                f"{moment:%Y-W%V-%u}",
                f"P{self._digits(1, 2)}DT{self._digits(1, 2)}H",
            )
        )

    def _date(self) -> str:
        moment = self._moment()
        form = self.random.choice(
            (
                "%d.%m.%Y",
                "%m/%d/%Y",
                "%d %B %Y",
                "%B %d, %Y at %H:%M",
                "%H:%M:%S",
                "%A, %d %b %Y %H:%M:%S GMT",
                "Updated %d.%m.%Y %H:%M",
                "%d/%m/%y",
                "%H:%M:%S.%f",
                "%a %b %d %Y %H:%M:%S GMT+0100",
            )
        )
        return moment.strftime(form)

    def _unix(self) -> str:
        seconds = self._moment().timestamp()
        return self.random.choice((f"{seconds:.0f}", f"{seconds * 1000:.0f}", f"{seconds:.3f}", f"{seconds * 1e6:.0f}"))

    def _hash(self) -> str:
        data = self.random.randbytes(16)
        name = self.random.choice(("md5", "sha1", "sha256", "sha512"))
        told = hashlib.new(name, data, usedforsecurity=False).hexdigest()
        return self.random.choice(
            (told, told[:7], told[:12], f"sha256-{told}", f"main.{told[:8]}.js", f'W/"{told[:16]}"')
        )

    def _id(self) -> str:
        base32 = "".join(self.random.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(26))
        nano = "".join(
            self.random.choice("useandom26T198340PX75pxJACKVERYMINDBUSHWOLFGQZbfghjklqvwyzrict") for _ in range(21)
        )
        snowflake = str((int(self._moment().timestamp() * 1000) - 1288834974657 << 22) + self.random.getrandbits(22))
        return self.random.choice(
            (
                f"01{base32[2:]}",
                nano,
                snowflake,
                f"{self.random.getrandbits(96):024x}",
                f"evt_{base32[:14]}",
                f"node-{self._digits(1, 6)}",
                f"{self.random.getrandbits(64):016x}",
            )
        )

    def _price(self) -> str:
        value = self.random.randint(1, 9_999_999) / 100
        currency = self.random.choice(_CURRENCIES)
        plain = f"{value:,.2f}"
        return self.random.choice(
            (
                f"{currency} {plain}",
                f"{plain.replace(',', ' ').replace('.', ',')} {currency}",
                f"{value:.2f}",
                f"{currency}{plain}",
                f"was {plain} now {value * 0.8:,.2f}",
                f"{int(value):,}".replace(",", ".") + f" {currency}",
            )
        )

    def _order(self) -> str:
        return self.random.choice(
            (
                f"KD-{self._digits(8, 8)}",
                f"#{self._digits(4, 9)}",
                f"Order {self._digits(6, 12)}",
                f"INV-2026-{self._digits(5, 6)}",
                f"{self._digits(3, 3)}-{self._digits(7, 7)}-{self._digits(7, 7)}",
                f"Bestellung Nr. {self._digits(8, 10)}",
                f"ticket {self._digits(5, 8)}",
                f"No. {self._digits(5, 7)}",
                f"R{self._digits(9, 9)}",
                f"commande n° {self._digits(6, 9)}",
            )
        )

    def _sku(self) -> str:
        letters = "".join(self.random.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(3))
        ean = self._digits(12, 12)
        check = (10 - sum(int(one) * (1, 3)[at % 2] for at, one in enumerate(ean)) % 10) % 10
        return self.random.choice(
            (
                f"{letters}-{self._digits(5, 5)}-XL",
                f"{letters}{self._digits(4, 6)}",
                f"{ean}{check}",
                f"EAN {ean}{check}",
                f"1Z{self._digits(3, 3)}{letters}{self._digits(10, 10)}",
                f"art. {self._digits(6, 8)}",
                f"{letters}/{self._digits(3, 3)}.{self._digits(2, 2)}",
            )
        )

    def _version(self) -> str:
        parts = [str(self.random.randint(0, 160)) for _ in range(self.random.randint(2, 4))]
        told = ".".join(parts)
        return self.random.choice(
            (
                f"v{told}",
                f"{'.'.join(parts[:3])}-beta.{parts[0]}",
                f"Chrome/{told}",
                f"version {told}",
                f"app@{'.'.join(parts[:3])}",
                f"react-dom@{'.'.join(parts[:3])}",
                f"build {self._digits(3, 6)}",
                f"^{'.'.join(parts[:3])}",
                f"lib-{told}.min.js",
            )
        )

    def _classes(self) -> str:
        return " ".join(self.random.sample(_WORDS, self.random.randint(1, 6)))

    def _css(self) -> str:
        name = self.random.choice(_PROPERTIES)
        value = self.random.choice(
            (
                f"{self._digits(1, 3)}px {self._digits(1, 2)}px",
                f"#{self.random.getrandbits(24):06x}",
                f"{self.random.random():.6f}em",
                f"rgba({self._digits(2, 2)}, {self._digits(2, 2)}, {self._digits(2, 2)}, 0.{self._digits(1, 4)})",
                f"translate3d({self.random.uniform(-99, 99):.4f}px, {self.random.uniform(-99, 99):.4f}px, 0)",
                "cubic-bezier(0.4, 0, 0.2, 1)",
                f"calc(100% - {self._digits(2, 3)}px)",
            )
        )
        return self.random.choice(
            (
                f"{name}: {value};",
                f".{self.random.choice(_WORDS)}::before {{ {name}: {value} }}",
                f"--{name}-{self._digits(1, 2)}: {value}",
            )
        )

    def _drawing(self) -> str:
        def pair() -> str:
            first, second = self.random.uniform(0, 99), self.random.uniform(0, 99)
            return f"{first:.{self.random.randint(1, 5)}f}{self.random.choice((',', ' '))}{second:.4f}"

        return self.random.choice(
            (
                f"M{pair()}L{pair()}C{pair()} {pair()} {pair()}z",
                f"{pair()} {pair()} {pair()}",
                f"matrix(1,0,0,1,{pair()})",
                f"translate({pair()})",
                f"0 0 {self._digits(2, 4)} {self._digits(2, 4)}",
                f"stroke-dasharray: {pair()}",
            )
        )

    def _sentence(self) -> str:
        return str(self.faker.sentence(self.random.randint(4, 14)))

    def _file(self) -> str:
        stem = self.faker.word()
        return self.random.choice(
            (
                f"{stem}@2x.png",
                f"{stem}.{self.random.getrandbits(32):08x}.chunk.js",
                f"IMG_{self._moment():%Y%m%d_%H%M%S}.jpg",
                f"{stem}-{self._digits(1, 3)}x{self._digits(2, 4)}.webp",
                f"{stem}_{self._digits(4, 8)}.pdf",
                f"{stem}.min.css",
            )
        )

    def _path(self) -> str:
        return self.random.choice(
            (
                f"/p/{self.faker.word()}-{self._digits(3, 6)}",
                f"/category/{self.faker.word()}/{self.faker.word()}",
                f"/home/{self.faker.word()}",
                f"/static/js/{self.faker.word()}.js",
                f"/api/v{self._digits(1, 1)}/orders/{self._digits(4, 6)}",
                f"./node_modules/{self.faker.word()}/index.js",
            )
        )

    def _frame(self) -> str:
        name, file = f"{self.faker.word()}.{self.faker.word()}", f"{self.faker.word()}.js"
        return f"at {name} (https://cdn.shop.example/{file}:{self._digits(1, 5)}:{self._digits(1, 6)})"

    def _number(self) -> str:
        return self.random.choice(
            (
                self._digits(1, 11),
                f"{self.random.uniform(-1e5, 1e5):.{self.random.randint(1, 12)}f}",
                f"{self.random.random()}",
                f"-{self._digits(1, 6)}",
                f"{self.random.uniform(0, 1e9):e}",
                f"{self.random.randint(10**6, 10**9):,}",
                f"{self._digits(1, 3)} %",
            )
        )

    def _size(self) -> str:
        return self.random.choice(
            (
                f"{self._digits(3, 4)}x{self._digits(3, 4)}",
                f"{self._digits(2, 4)} × {self._digits(2, 4)} mm",
                f"EU {self._digits(2, 2)} / US {self._digits(1, 2)}",
                f"{self._digits(1, 3)}.{self._digits(1, 1)} MB",
                f"{self._digits(2, 3)} ml",
                f"{self._digits(1, 4)} of {self._digits(2, 5)}",
            )
        )

    def _log(self) -> str:
        return self.random.choice(
            (
                f"[{self._moment():%H:%M:%S}] loaded {self._digits(1, 3)} items in {self._digits(2, 5)}ms",
                f"GET /api/items 200 {self._digits(2, 5)} - {self._digits(1, 3)}.{self._digits(3, 3)} ms",
                f"retry {self._digits(1, 2)} of {self._digits(1, 2)}, next in {self._digits(2, 5)} ms",
                f"worker {self._digits(1, 5)} exited with code {self._digits(1, 3)}",
                f"heap {self._digits(6, 9)} of {self._digits(8, 10)} bytes",
                f"token expires in {self._digits(2, 5)} s",
                f"password: at least {self._digits(1, 2)} characters",
                f"cache key page:{self._digits(1, 6)}:v{self._digits(1, 2)}",
                f"TypeError: x{self._digits(1, 3)} is undefined",
                f"auth: ok, {self._digits(1, 4)} ms",
            )
        )

    def _selector(self) -> str:
        return self.random.choice(
            (
                f"div.{self.random.choice(_WORDS)} > a:nth-child({self._digits(1, 2)})",
                f"#app-{self._digits(1, 5)} input[name=qty]",
                f"body>div:nth-of-type({self._digits(1, 1)})>ul>li",
                f"button[data-id='{self._digits(1, 8)}']",
                ".token:hover",
                "a::after",
            )
        )

    def _code(self) -> str:
        return self.random.choice(
            (
                f"const x{self._digits(1, 3)} = items.filter((a) => a.id === {self._digits(1, 8)});",
                f"SELECT * FROM items WHERE id = {self._digits(1, 8)}",
                f'window.__STATE__={{"a":{self._digits(1, 10)}}}',
                f"if (n > {self._digits(1, 5)}) {{ return {self._digits(1, 9)}; }}",
                f"std::vector<int> v{self._digits(1, 2)};",
                f"@media (min-width: {self._digits(3, 4)}px)",
                f"import x from 'lib-{self._digits(1, 3)}'",
            )
        )

    def _product(self) -> str:
        name = f"{self.faker.word().title()} {self.random.choice(('Pro', 'Max', 'Mini', 'Series'))}"
        return f"{name} {self._digits(1, 4)} ({self._digits(2, 3)} cm, {self._digits(1, 2)}/{self._digits(1, 2)})"
