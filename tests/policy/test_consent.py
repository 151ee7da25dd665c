"""Consent: what each tool leaves in cookies, what is required where, and that a no and a malformed signal win."""

import base64
import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from gateway.core.message import Headers, Inbound
from gateway.policy.consent import READERS, Answer, Consent, of_names
from gateway.policy.decision import Decision, Objection, decide
from gateway.policy.signals import OptOut
from tests.policy.test_tcf import gpp_string, tc_string, us_section

CONSENT = Consent(("gdpr",))


def didomi(**purposes):
    return base64.b64encode(json.dumps({"user_id": "x", "purposes": purposes}).encode()).decode()


YES = {
    "tcf": ("euconsent-v2", tc_string({1, 8, 10})),
    "gpp": ("__gpp", gpp_string({2: tc_string({1, 8})})),
    "onetrust": ("OptanonConsent", quote("isGpcEnabled=0&groups=C0001:1,C0002:1,C0004:0&geolocation=DE;BE")),
    "cookiebot": (
        "CookieConsent",
        quote("{stamp:'x==',necessary:true,preferences:false,statistics:true,marketing:false,ver:1}"),
    ),
    "cookiebot, where nobody is asked": ("CookieConsent", "-1"),
    "didomi": ("didomi_token", didomi(enabled=["measure_content_performance", "cookies"])),
    "cookieyes": (
        "cookieyes-consent",
        "consentid:abc,consent:yes,action:yes,necessary:yes,analytics:yes,advertisement:no",
    ),
    "klaro": ("klaro", quote('{"posthog":true,"matomo":true}')),
    "matomo": ("mtm_consent", "1795499890314"),
}
NO = {
    "tcf without a purpose": ("euconsent-v2", tc_string({1, 2, 3})),
    "tcf, nothing": ("euconsent-v2", tc_string(set())),
    "tcf, cut short": ("euconsent-v2", tc_string({1, 8})[:40]),
    "tcf, version 1": ("euconsent-v2", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA"),
    "gpp": ("__gpp", gpp_string({7: us_section([2, 2, 2, 2, 2, 2, 1, 2, 2, 0, 0, 0])})),
    "gpp, malformed": ("OTGPPConsent", "DBAC"),
    "us privacy": ("usprivacy", "1YYN"),
    "us privacy, malformed": ("usprivacy", "yes"),
    "onetrust": ("OptanonConsent", quote("groups=C0001:1,C0002:0")),
    "cookiebot": ("CookieConsent", quote("{necessary:true,statistics:false,marketing:true}")),
    "cookiebot, malformed": ("CookieConsent", "{"),
    "didomi": ("didomi_token", didomi(enabled=["cookies"], disabled=["measure_content_performance"])),
    "didomi, nothing that measures": ("didomi_token", didomi(enabled=["cookies"])),
    "didomi, malformed": ("didomi_token", "%%%"),
    "cookieyes": ("cookieyes-consent", "action:yes,necessary:yes,analytics:no"),
    "cookieyes, malformed": ("cookieyes-consent", "action:yes"),
    "klaro": ("klaro", quote('{"posthog":false,"matomo":true}')),
    "klaro, malformed": ("klaro", "{"),
    "klaro, deep": ("klaro", "[" * 4000),
    "matomo": ("mtm_consent_removed", "1"),
}
NOTHING = {
    "onetrust, before": ("OptanonConsent", "isGpcEnabled=0"),
    "cookiebot, before": ("CookieConsent", "0"),
    "cookieyes, before": ("cookieyes-consent", "consentid:abc,consent:no,action:,analytics:no"),
    "gpp of a country without a reader": ("__gpp", "DBABDA~BPXuQIAPXuQIAAfKABENB-CgAAAAAAAAAAAAAAAA"),
    "us privacy, not opted out": ("usprivacy", "1YNN"),
    "another cookie": ("euconsent", "x"),
}


def visit(*cookies, target="/e/", country=""):
    field = "; ".join(f"{name}={value}" for name, value in cookies)
    return Inbound("POST", target, Headers([("Cookie", field)] if cookies else []), country=country)


@pytest.mark.parametrize("cookie", YES.values(), ids=YES)
def test_a_yes_of_each_tool_is_consent(cookie):
    assert CONSENT.ask(visit(cookie, country="DE")) is Answer.GIVEN


@pytest.mark.parametrize("cookie", NO.values(), ids=NO)
@pytest.mark.parametrize("place", ["DE", "BR"])
def test_a_no_of_each_tool_and_what_can_t_be_read_is_a_refusal_everywhere(cookie, place):
    assert CONSENT.ask(visit(cookie, country=place)) is Answer.REFUSED
    for other in YES.values():
        assert CONSENT.ask(visit(other, cookie, country=place)) is Answer.REFUSED
        assert CONSENT.ask(visit(cookie, other, country=place)) is Answer.REFUSED


@pytest.mark.parametrize("cookie", [None, *NOTHING.values()], ids=["none", *NOTHING])
def test_where_nothing_is_said_it_matters_whether_consent_is_required(cookie):
    asked = visit(*([cookie] if cookie else []))
    assert CONSENT.ask(replace(asked, country="DE")) is Answer.MISSING
    assert CONSENT.ask(replace(asked, country="")) is Answer.MISSING
    assert CONSENT.ask(replace(asked, country="BR")) is Answer.GIVEN


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("gcs=G111", Answer.GIVEN),
        ("gcs=G101", Answer.GIVEN),
        ("gcs=G110", Answer.REFUSED),
        ("gcs=G100", Answer.REFUSED),
        ("gcs=G1--", Answer.REFUSED),
        ("gcs=x", Answer.REFUSED),
        (f"gdpr=1&gdpr_consent={tc_string({1, 8})}", Answer.GIVEN),
        ("gdpr_consent=C", Answer.REFUSED),
        ("us_privacy=1YYN", Answer.REFUSED),
        ("gcs=G111&gcs=G100", Answer.REFUSED),
        ("v=2", Answer.MISSING),
    ],
)
def test_parameters_of_the_request_count(query, answer):
    assert CONSENT.ask(visit(target=f"/g/collect?{query}", country="DE")) is answer


def test_a_cookie_of_the_sites_own():
    own = Consent(("gdpr",), of_names(("consent=yes*",)))
    assert own.ask(visit(("consent", "yes-all"), country="DE")) is Answer.GIVEN
    assert own.ask(visit(("consent", "no"), country="DE")) is Answer.REFUSED
    assert own.ask(visit(YES["onetrust"], country="DE")) is Answer.MISSING


@pytest.mark.parametrize("name", ["nothing", "=x", "x=", ""])
def test_a_word_that_is_no_tool_is_said(name):
    with pytest.raises(ValueError, match="neither a tool"):
        of_names((name,))


def test_naming_matomo_reads_what_was_removed_too():
    assert (
        Consent(("gdpr",), of_names(("matomo",))).ask(visit(YES["matomo"], NO["matomo"], country="DE"))
        is Answer.REFUSED
    )


def test_fifty_cookies_and_a_long_one_are_read():
    many = [(f"c{index}", "v") for index in range(50)]
    assert CONSENT.ask(visit(*many, ("a", "b" * 4096), YES["tcf"], country="DE")) is Answer.GIVEN
    flood = [YES["matomo"]] * 40
    assert CONSENT.ask(visit(*flood, country="DE")) is Answer.REFUSED


NOT_ASKED = visit(country="DE")


@pytest.mark.parametrize(
    ("inbound", "more", "decision"),
    [
        (visit(NO["onetrust"], country="DE"), {}, Decision(Objection.REFUSED, "onetrust")),
        (visit(NO["onetrust"], country="BR"), {"records_unasked": True}, Decision(Objection.REFUSED, "onetrust")),
        (NOT_ASKED, {}, Decision(Objection.NO_CONSENT, "none")),
        (NOT_ASKED, {"records_unasked": True}, Decision(None, "none", consented=False)),
        (visit(country="BR"), {"records_unasked": True}, Decision()),
        (visit(YES["onetrust"], country="DE"), {"records_unasked": True}, Decision(None, "onetrust")),
        (visit(YES["onetrust"], NO["didomi"], country="DE"), {}, Decision(Objection.REFUSED, "didomi")),
        (
            visit(YES["onetrust"], ("gateway_opt_out", "1"), country="DE"),
            {},
            Decision(Objection.COOKIE, "opt_out_cookie"),
        ),
        (NOT_ASKED, {"consent": None}, Decision()),
        (visit(("consent", "no")), {"consent": Consent((), of_names(("consent=yes",)))},
         Decision(Objection.REFUSED, "own_cookie")),
    ],
)  # fmt: skip
def test_the_decision_names_the_signal_that_decided(inbound, more, decision):
    assert decide(inbound, OptOut(), **{"consent": CONSENT, **more}) == decision


def test_every_reader_is_tried_here():
    named = {one.split(",")[0].split(" ")[0] for one in (*YES, *NO)} | {"google", "usp"}
    assert {name for name in READERS if name not in named} == set()
