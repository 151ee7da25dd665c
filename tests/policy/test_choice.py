"""The opt-out page: what it shows for each state, what a choice sets, and who may choose."""

import json

import pytest

from gateway import config
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.policy.choice import Choice
from gateway.policy.decision import Objection
from gateway.policy.signals import OptOut

TEXTS = {
    "en": {
        "title": "Recording",
        "on": "is on",
        "off": "is off",
        "gpc": "the browser asks",
        "refuse": "stop",
        "allow": "go",
    },
    "de": {"title": "Aufzeichnung", "on": "ist an", "off": "ist aus", "refuse": "halt", "allow": "los"},
}
PAGE = "{{ language }}|{{ texts.on if recorded else texts.off }}|{{ texts[why] if why in texts }}|{{ can_switch }}"


@pytest.fixture(scope="module")
def choice():
    return Choice(PAGE, TEXTS, OptOut(cookies=("out", "leave")))


def ask(choice, method="GET", path="/opt-out", body=b"", objection=None, secure=True, **fields):
    headers = Headers((name.replace("_", "-"), value) for name, value in fields.items())
    return choice.answer(Inbound(method, path, headers, body, host="shop.example"), objection, secure=secure)


OWN = {"Sec_Fetch_Site": "same-origin"}


@pytest.mark.parametrize(
    ("objection", "shown"),
    [
        (None, "en|is on||True"),
        (Objection.COOKIE, "en|is off||True"),
        (Objection.GPC, "en|is off|the browser asks|False"),
        (Objection.MOBILE, "en|is off||False"),
    ],
)
def test_the_page_shows_what_holds(choice, objection, shown):
    answer = ask(choice, objection=objection)
    assert (answer.status, answer.body.decode()) == (200, shown)
    assert answer.headers.get("Cache-Control") == "no-store"
    assert "frame-ancestors 'self'" in answer.headers.get("Content-Security-Policy")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT", "de"), ("DE", "de"), ("fr, de;q=0.5, en;q=0.4", "de"), ("de;q=0.1, en;q=0.9", "en"),
        ("de;q=0", "en"), ("pt, *;q=0.1", "en"), ("de;q=x", "en"), (",;,", "en"), ("en;q=0.5, de;q=0.500", "en"),
        (", ".join(["xx"] * 40 + ["de"]), "en"),
    ],
)  # fmt: skip
def test_the_page_speaks_the_visitors_language(choice, accepted, language):
    answer = ask(choice, Accept_Language=accepted)
    assert answer.headers.get("Content-Language") == language
    assert answer.body.startswith(f"{language}|".encode())


def test_a_refusal_is_a_cookie_of_the_whole_host(choice):
    answer = ask(choice, "POST", body=b"record=no", **OWN)
    assert (answer.status, answer.headers.get("Location")) == (303, "opt-out")
    assert answer.headers.all("Set-Cookie") == ["out=1; Max-Age=34560000; Path=/; SameSite=Lax; Secure"]


def test_consent_takes_every_refusal_back(choice):
    answer = ask(choice, "POST", body=b"record=yes", secure=False, **OWN)
    assert answer.headers.all("Set-Cookie") == [
        "out=; Max-Age=0; Path=/; SameSite=Lax",
        "leave=; Max-Age=0; Path=/; SameSite=Lax",
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, 303),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "https://shop.example"}, 403),
        ({"Origin": "https://shop.example"}, 303),
        ({"Origin": "https://SHOP.example"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://shop.example.evil"}, 403),
        ({"Origin": "https://shop.example:8443"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "shop.example"}, 403),
        ({}, 403),
    ],
)
@pytest.mark.parametrize("body", [b"record=yes", b"record=no"])
def test_only_a_page_of_the_same_origin_chooses(choice, body, fields, status):
    answer = ask(choice, "POST", body=body, **fields)
    assert answer.status == status
    assert ("Set-Cookie" in answer.headers) is (status == 303)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *(("/opt-out", body) for body in (b"", b"record=", b"record=maybe", b"record=yes&record=no", b"\xff", b"record", b"&" * 99)),
        *(("/opt-out.json", body) for body in (b"", b"{}", b"[]", b'{"record":"no"}', b'{"record":0}', b"\xff", b"[" * 4000)),
    ],
)  # fmt: skip
def test_what_says_neither_yes_nor_no_changes_nothing(choice, path, body):
    answer = ask(choice, "POST", path, body, **OWN)
    assert answer.status == 400
    assert "Set-Cookie" not in answer.headers


def test_a_page_of_the_sites_own_reads_and_makes_the_choice_as_data(choice):
    assert json.loads(ask(choice, path="/opt-out.json").body) == {"recorded": True, "why": ""}
    told = ask(choice, path="/opt-out.json", objection=Objection.GPC)
    assert json.loads(told.body) == {"recorded": False, "why": "gpc"}
    chosen = ask(choice, "POST", "/opt-out.json", b'{"record": false}', **OWN)
    assert chosen.status == 204
    assert chosen.headers.get("Set-Cookie").startswith("out=1;")
    assert "Location" not in chosen.headers


def test_other_methods_are_told_what_there_is(choice):
    answer = ask(choice, "DELETE")
    assert (answer.status, answer.headers.get("Allow")) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("target", "asked"),
    [("/opt-out", True), ("/opt-out?x=1", True), ("/opt-out.json", True), ("/opt-out/", False), ("/e/opt-out", False)],
)
def test_it_is_for_its_own_addresses_alone(choice, target, asked):
    assert choice.is_asked(Inbound("GET", target, Headers())) is asked


def test_without_an_opt_out_cookie_there_is_no_page():
    assert not Choice(PAGE, TEXTS, OptOut(cookies=())).is_asked(Inbound("GET", "/opt-out", Headers()))


def loaded(folder, **files):
    told = {"page": "", "texts": ""}
    for name, text in files.items():
        (folder / name).write_text(text)
        told[name] = f"{name}: {name}"
    (folder / "gateway.yaml").write_text(
        "routes: [{upstream: 'https://backend.example'}]\n"
        f"visitors: {{opt_out: {{{', '.join(line for line in told.values() if line)}}}}}\n"
    )
    return config.load(folder / "gateway.yaml")


def test_the_packaged_page_has_all_its_words_in_every_language(tmp_path):
    choice = loaded(tmp_path).choice
    for language in ("en", "de", "fr", "es", "it", "nl"):
        for objection in (None, *Objection):
            page = ask(choice, objection=objection, Accept_Language=language).body.decode()
            assert f'<html lang="{language}">' in page
            assert ("<button" in page) is (objection in {None, Objection.COOKIE})
            assert "{{" not in page


def test_a_page_of_ones_own_is_used_and_watched(tmp_path):
    told = loaded(tmp_path, page="<h1>Our shop</h1>{{ texts.title }}")
    assert ask(told.choice).body == b"<h1>Our shop</h1>Recording of your visits"
    assert tmp_path / "page" in told.files


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"page": "a\n{% if %}"}, "page: is no page: line 2: "),
        ({"page": "{{ texts.nothing }}"}, "page: is no page: "),
        ({"page": "{{ unknown }}"}, "'unknown' is undefined"),
        ({"page": "{{ ''.__class__.__mro__ }}"}, "page: is no page: "),
        ({"texts": "languages: {}"}, "at least one language"),
        ({"texts": "languages: {en: {title: x}}"}, "texts:1"),
        ({"texts": "en: {}"}, 'unknown key "en"'),
    ],
)
def test_a_wrong_page_stops_the_start_with_its_place(files, line, tmp_path):
    with pytest.raises(UserError) as told:
        loaded(tmp_path, **files)
    assert line in str(told.value)


def test_a_template_can_show_no_markup_of_others(tmp_path):
    words = {**TEXTS["en"], "on": "<script>alert(1)</script>"}
    assert b"<script>" not in ask(Choice(PAGE, {"en": words}, OptOut())).body
