"""National identity, tax and social security numbers: form and checksum are python-stdnum's, the words are the
countries'.

A number of digits alone counts only beside a word or key that names it; one without a checksum only right beside.
Those whose form tells enough by itself (letters in fixed places, printed separators) stand alone. A country is one
row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.beside import Words

# module of stdnum | shapes: 9 digit, A letter, * either, with a separator or none between | words, local and English
# A module with ! behind it has no checksum: its number must stand right beside its word.
_TABLE: Final = """
ad.nrt | A999999A | nrt, registre tributari
al.nipt | A99999999A | nipt, nuis
ar.cuit | 99999999999 | cuit, cuil
ar.dni! | 99999999 9999999 | dni, documento nacional de identidad
at.vnr | 9999999999 | svnr, vsnr, sv nummer, sv nr, sozialversicherungsnummer, versicherungsnummer
at.tin | 999999999 | abgabenkontonummer, steuernummer, steuernr
au.tfn | 999999999 99999999 | tfn, tax file number
be.nn | 99999999999 | rijksregisternummer, registre national, numéro national, nationaal nummer, rrn, niss, insz
be.bis | 99999999999 | bis nummer, numéro bis, niss, insz
bg.egn | 9999999999 | egn, егн, единен граждански номер
bg.pnf | 9999999999 | lnch, лнч, личен номер на чужденец
br.cnpj | 99999999999999 | cnpj, cadastro nacional da pessoa jurídica
br.cpf | 99999999999 | cpf, cadastro de pessoas físicas
by.unp | 999999999 AA9999999 | unp, унп
ca.bc_phn | 9999999999 | phn, personal health number
ca.sin | 999999999 | sin, social insurance number, social insurance, nas, numéro d'assurance sociale, assurance sociale
ch.ssn | 9999999999999 | ahv, avs, oasi, ahv nummer, ahv nr, numéro avs, numero avs, sozialversicherungsnummer
cl.rut | 99999999* 9999999* | rut, run, rol único tributario, rol único nacional
cn.ric | 99999999999999999* | 身份证, 身份证号, 身份证号码, 居民身份证, 公民身份号码, resident identity card
co.nit | 9999999999 999999999 99999999 | nit, número de identificación tributaria
cr.cpf | 999999999 9999999999 | cédula, cédula de identidad, cédula física
cu.ni | 99999999999 | carné de identidad, carnet de identidad, número de identidad
cz.rc | 9999999999 999999999 | rodné číslo, rč, rc, birth number
de.idnr | 99999999999 | steuer id, steuerid, steuer identifikationsnummer, idnr
de.idnr | 99999999999 | steueridentnummer, steuerliche identifikationsnummer, tin, tax identification number
de.stnr | 9999999999999 99999999999 9999999999 | steuernummer, stnr, steuer nr, st nr, steuernr
dk.cpr | 9999999999 | cpr, cpr nummer, cpr nr, personnummer
do.cedula | 99999999999 | cédula, cédula de identidad
dz.nif! | 999999999999999 | nif, numéro d'identification fiscale
ec.ci | 9999999999 | cédula, cédula de identidad, ci
ec.ruc | 9999999999999 | ruc
ee.ik | 99999999999 | isikukood, estonian id
es.dni | 99999999A | dni, nif, documento nacional de identidad, número de identificación fiscal
es.nie | A9999999A | nie, nif, número de identidad de extranjero
fi.hetu | 999999A999* | hetu, henkilötunnus, personbeteckning, sotu
fr.nif | 9999999999999 | numéro fiscal, nif, spi, numéro spi, référence fiscale
fr.nir | 999999999999999 999999A99999999 | nir, numéro de sécurité sociale, sécurité sociale
fr.nir | 999999999999999 999999A99999999 | sécu, insee, numéro insee, nss
gb.nhs | 9999999999 | nhs, nhs number
gb.upn | A999999999999 | upn, unique pupil number
gb.utr | 9999999999 | utr, unique taxpayer reference
gr.amka | 99999999999 | amka, αμκα
gr.vat | 999999999 | afm, αφμ
gt.nit | 99999999* 9999999* 999999* | nit
hr.oib | 99999999999 | oib, osobni identifikacijski broj
id.nik | 9999999999999999 | nik, nomor induk kependudukan, ktp
id.npwp | 999999999999999 | npwp, nomor pokok wajib pajak
ie.pps | 9999999A 9999999AA | pps, ppsn, pps no, personal public service number, pps number
il.idnr | 999999999 99999999 | תעודת זהות, מספר זהות, teudat zehut, mispar zehut, תז
in_.aadhaar | 999999999999 | aadhaar, aadhar, adhar, आधार, uidai
in_.epic! | AAA9999999 | epic, voter id, elector photo identity card
in_.pan! | AAAAA9999A | pan, pan number, pan card, permanent account number
in_.vid | 9999999999999999 | vid, virtual id
is_.kennitala | 9999999999 | kennitala, kt
it.codicefiscale | AAAAAA99A99A999A | codice fiscale, cf, cod fiscale, cod fisc
it.iva | 99999999999 | partita iva, piva, p iva
jp.in_ | 999999999999 | マイナンバー, 個人番号, my number, kojin bango
ke.pin! | A999999999A | kra pin, kra
kr.rrn | 9999999999999 | 주민등록번호, 주민번호, rrn, resident registration number
lt.asmens | 99999999999 | asmens kodas
lv.pvn | 99999999999 | personas kods
md.idno | 9999999999999 | idnp, idno
mx.curp | AAAA999999AAAAAA*9 | curp, clave única de registro de población
mx.rfc! | AAAA999999*** AAA999999*** | rfc, registro federal de contribuyentes
my.nric! | 999999999999 | nric, mykad, kad pengenalan, no kp
mz.nuit | 999999999 | nuit
nl.bsn | 999999999 99999999 | bsn, burgerservicenummer, sofinummer, citizen service number
nl.onderwijsnummer | 999999999 | onderwijsnummer
no.fodselsnummer | 99999999999 | fødselsnummer, fodselsnummer, personnummer, fnr, fødselsnr
nz.ird | 999999999 99999999 | ird, ird number, inland revenue number
pe.cui | 999999999 99999999 | cui, dni
pe.ruc | 99999999999 | ruc
pk.cnic! | 9999999999999 | cnic, nic, قومی شناختی کارڈ
pl.nip | 9999999999 | nip
pl.pesel | 99999999999 | pesel
pt.cc | 999999999AA9 | cartão de cidadão, cc, cartão do cidadão, número de documento
pt.nif | 999999999 | nif, contribuinte, número de contribuinte, número de identificação fiscal
py.ruc | 999999999 99999999 9999999 | ruc
ro.cnp | 9999999999999 | cnp, cod numeric personal
ru.inn | 999999999999 9999999999 | инн, inn
se.personnummer | 9999999999 999999999999 | personnummer, personnr, pnr, personal identity number
si.emso | 9999999999999 | emšo, emso, jmbg, embg, ембг, јмбг, матични број, enotna matična številka
sk.rc | 9999999999 999999999 | rodné číslo, rč, birth number
sv.nit | 99999999999999 | nit
th.pin | 9999999999999 | เลขประจำตัวประชาชน, เลขบัตรประชาชน, thai id, thai national id
th.tin | 9999999999999 | เลขประจำตัวผู้เสียภาษี, thai tax id
tr.tckimlik | 99999999999 | tc kimlik, tc kimlik no, kimlik no, kimlik numarası, tckn, tc no
tr.vkn | 9999999999 | vergi kimlik, vergi kimlik no, vergi no, vkn
ua.rntrc | 9999999999 | рнокпп, rntrc, іпн, ipn
us.atin | 999999999 | atin
us.itin | 999999999 | itin
us.ptin! | A99999999 | ptin
uy.rut | 999999999999 | rut
ve.rif | A999999999 | rif
vn.mst | 9999999999 9999999999999 | mst, mã số thuế
za.idnr | 9999999999999 | id number, identity number, south african id, sa id, rsa id, id no
za.tin | 9999999999 | tax reference number, sars number
"""
# Whatever country's: no checksum can be known, the word right beside says it all
_ANY_WORDS: Final = (
    "national id", "national identity number", "national id number", "national identification number", "tax id",
    "tax number", "taxpayer id", "taxpayer identification number", "identity card number", "id card number",
    "social security number", "personalausweisnummer", "ausweisnummer", "documento de identidad",
    "numéro d'identité", "numero de documento", "carta d'identità", "passport number", "passport no", "reisepassnummer",
    "passnummer", "paspoortnummer", "identiteitskaartnummer", "numéro de passeport", "número de pasaporte",
)  # fmt: skip
_ANY_SHAPES: Final = ("99999999", "999999999", "9999999999", "99999999999", "999999999999", "9999999999999",
                      "AA9999999", "A99999999", "A999999999")  # fmt: skip
_SYMBOLS: Final = {"9": r"\d", "A": "[A-Za-z]", "*": "[0-9A-Za-z]"}
_SEPARATOR: Final = r"(?: ?[-./+] ?| )?"
_END: Final = r"(?![^\W_]|[-./]\d)"
_PREFIXES: Final = {"GR": "(?:EL|GR)"}  # where it is not the country's own code
_SEPARATORS: Final = str.maketrans("", "", " -./+")


@dataclass(frozen=True, slots=True)
class Format:
    """One country's number. `is_weak`: there is no checksum."""

    name: str
    form: re.Pattern[str]
    is_valid: Callable[[str], bool]
    is_weak: bool

    def match(self, text: str, start: int) -> int:
        """Where the number that starts at `start` ends; 0 where there is none."""
        found = self.form.match(text, start)
        return found.end() if found and _is_valid(self, found[0]) else 0


def _is_valid(form: Format, written: str) -> bool:
    number = written.translate(_SEPARATORS)
    country = form.name[:2].upper()
    return any(
        _holds(form, one) for one in dict.fromkeys((written, number, number.removeprefix(country), country + number))
    )


def _holds(form: Format, number: str) -> bool:
    try:
        return bool(form.is_valid(number))
    except LookupError:  # a Chinese number of a county that the library's table does not hold
        return False


def _form(shapes: list[str], country: str = "") -> re.Pattern[str]:
    prefix = rf"(?:{_PREFIXES.get(country, country)}[ -]?)?" if country else ""
    rows = [_SEPARATOR.join(_SYMBOLS[symbol] for symbol in shape) for shape in sorted(shapes, key=len, reverse=True)]
    return re.compile(f"{prefix}(?:{'|'.join(rows)}){_END}")


_NINO: Final = re.compile(
    r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D](?![^\W_])", re.IGNORECASE
)
_NINO_WORDS: Final = ("nino", "national insurance", "national insurance number", "ni number", "ni no")
_HETU: Final = re.compile(r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Za-z](?![^\W_])")  # the sign is the century


def _rows() -> tuple[dict[str, tuple[Format, ...]], tuple[Format, ...]]:
    by_phrase: dict[str, tuple[Format, ...]] = {}
    formats: list[Format] = []
    known: dict[str, Format] = {}
    for row in _TABLE.strip().splitlines():
        module, shapes, phrases = (cell.strip() for cell in row.split("|"))
        name = module.rstrip("!")
        words = [one.strip() for one in phrases.split(",")]
        if name not in known:  # else a row that goes on
            pattern = _HETU if name == "fi.hetu" else _form(shapes.split(), name[:2].upper())
            is_valid = import_module(f"stdnum.{name}").is_valid
            known[name] = Format(name, pattern, is_valid, is_weak=module.endswith("!"))
            formats.append(known[name])
        for phrase in words:
            by_phrase[phrase] = (*by_phrase.get(phrase, ()), known[name])
    nino = Format("gb.nino", _NINO, lambda _: True, is_weak=True)
    anything = Format("any", _form(list(_ANY_SHAPES)), lambda _: True, is_weak=True)
    formats += [nino, anything]
    by_phrase |= dict.fromkeys(_NINO_WORDS, (nino,)) | dict.fromkeys(_ANY_WORDS, (anything,))
    return by_phrase, tuple(formats)


_BY_PHRASE, FORMATS = _rows()
_WORDS: Final = Words(_BY_PHRASE)
_BY_NAME: Final = {form.name: form for form in FORMATS}

# What stands alone: the form tells enough, with the checksum behind it
_ALONE: Final = {
    "it.codicefiscale": r"[A-Z]{6}[0-9L-NP-V]{2}[ABCDEHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]",
    "mx.curp": r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d",
    "fi.hetu": r"[0-3]\d[01]\d{3}[-+A]\d{3}[0-9A-FHJ-NPR-Y]",
    "es.dni": r"(?!(?:19|20)\d\d[01]\d[0-3])\d{8}-?[A-HJ-NP-TV-Z]",
    "es.nie": r"[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]",
    "br.cpf": r"\d{3}\.\d{3}\.\d{3}-\d\d",
    "br.cnpj": r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d",
    "ch.ssn": r"756\.\d{4}\.\d{4}\.\d\d",
    "gb.nino": r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d\d \d\d \d\d [A-D]",
}
_STANDING: Final = re.compile(
    r"(?<![^\W_])(?<![\d-][./-])(?:"
    + "|".join(f"(?P<f{number}>{form})" for number, form in enumerate(_ALONE.values()))
    + r")(?![^\W_]|[-./]\w)"
)
_STANDING_FORMATS: Final = {f"f{number}": _BY_NAME[name] for number, name in enumerate(_ALONE)}

_CANDIDATE: Final = re.compile(r"(?<![^\W_])(?<!\d[ ./+-])(?=[A-Za-z]{0,6}\d|[A-Za-z]{1,4}[ .-]\d)[A-Za-z0-9]")
_GAP: Final = r"[ ./+-]{0,3}"
_ENOUGH: Final = re.compile(
    rf"\d(?:{_GAP}\d){{5}}"
    rf"|\d(?:{_GAP}\d){{3}}{_GAP}[A-Za-z](?![A-Za-z])"
    rf"|\d{_GAP}\d{_GAP}[A-Za-z]{_GAP}\d{_GAP}\d"
    rf"|[A-Z]{{6}}[0-9L-NP-V]{{2}}[A-Z]"
)


def _hint(text: str) -> bool:
    return _ENOUGH.search(text) is not None


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for match in _STANDING.finditer(text):
        form = _STANDING_FORMATS[match.lastgroup or ""]
        if form.is_weak or _is_valid(form, match[0]):
            yield match.span()
    by_key = _WORDS.of_keys(context.keys)
    end = 0
    for match in _CANDIDATE.finditer(text):
        start = match.start()
        if start < end:
            continue
        beside, is_tight = _WORDS.beside(text, start)
        for form in (*beside, *by_key) if is_tight else (*(one for one in beside if not one.is_weak), *by_key):
            end = form.match(text, start)
            if end:
                yield start, end
                break


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    hits = list(_find(text, context))
    by_key = _WORDS.of_keys(context.keys)
    end = 0
    for match in _CANDIDATE.finditer(text):
        start = match.start()
        if start < end or any(at <= start < stop for at, stop in hits):
            continue
        named = (*_WORDS.beside(text, start)[0], *by_key)
        for form in named or FORMATS:
            found = form.form.match(text, start)
            if found and (named or (not form.is_weak and _is_valid(form, found[0]))):
                end = found.end()
                reason = MissReason.CHECKSUM_FAILED if named and not form.is_weak else MissReason.NEEDS_A_WORD
                yield Miss(start, end, DETECTOR.name, reason)
                break
        else:
            if named:
                yield Miss(start, match.end(), DETECTOR.name, MissReason.WRONG_LENGTH)


DETECTOR: Final = Detector(
    name="national_id",
    title="national identity or tax number",
    label="id number",
    hint=_hint,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.ID,),
    beside=_WORDS.forms,
    keyed=(Shape.DIGITS_6, Shape.LETTERED),
    named=lambda keys: bool(_WORDS.of_keys(keys)),
)
