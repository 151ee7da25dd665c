"""Answers in the backend's place: what an SDK is content with, readable by the page that asked."""

import subprocess

import pytest

from gateway import config
from gateway.core.message import Headers, Inbound
from gateway.core.outcome import Response
from gateway.policy.answers import is_preflight, opted_out_answer, preflight_answer, with_cors
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import OptedOut

ORIGIN = ("Origin", "https://shop.example")


def inbound(method="POST", target="/e", *headers):
    return Inbound(method, target, Headers(headers))


USUAL = {
    "a script": ("GET", "/static/array.js?v=1", 200, b"", "text/javascript; charset=utf-8"),
    "settings": ("GET", "/config.json", 200, b"{}", "application/json"),
    "an image": ("GET", "/i.gif?e=pv", 204, b"", ""),
    "an image without a name": ("GET", "/i", 204, b"", ""),
    "events": ("POST", "/e/", 200, b"{}", "application/json"),
    "another method": ("DELETE", "/x", 204, b"", ""),
}


@pytest.mark.parametrize(("method", "target", "status", "body", "kind"), USUAL.values(), ids=USUAL)
def test_without_a_tracker_file_the_answer_fits_the_request(method, target, status, body, kind):
    answer = opted_out_answer(inbound(method, target, ORIGIN))
    assert (answer.status, answer.body, answer.headers.get("Content-Type")) == (status, body, kind)
    assert answer.headers.get("Cache-Control") == "no-store"
    assert answer.headers.get("Access-Control-Allow-Origin") == ORIGIN[1]


PAGE = """
globalThis.window = globalThis;
window.queue = [1];
STUB
posthog.init('phc_x', { api_host: '/t' });
posthog.capture('a').then;
const client = new Sentry.BrowserClient({ dsn: 'x' });
Sentry.getCurrentScope().setTag('a', 'b');
Sentry.debug = true;
for (const one of posthog.getSurveys()) throw new Error('nothing to walk over');
if (posthog.isFeatureEnabled('dear')) throw new Error('a question is answered with no');
if (`${posthog.get_distinct_id()}` !== '') throw new Error('no text');
if (JSON.stringify({ id: posthog.get_session_id() }) !== '{}') throw new Error('no data');
if (window.queue.length !== 1) throw new Error('a queue of the page stays');
const real = posthog;
Promise.resolve(posthog.onFeatureFlags(() => { throw new Error('never called'); })).then(() => console.log('went on'));
"""


def test_a_page_goes_on_without_its_sdk(tmp_path):
    answer = opted_out_answer(
        inbound("GET", "/static/array.js", ORIGIN), [OptedOut(path="*.js", defines=("posthog", "Sentry", "queue"))]
    )
    assert answer.headers.get("Content-Type") == "text/javascript; charset=utf-8"
    assert answer.headers.get("Cache-Control") == "no-store"
    (tmp_path / "page.mjs").write_text(PAGE.replace("STUB", answer.body.decode()))
    told = subprocess.run(["node", tmp_path / "page.mjs"], capture_output=True, text=True, check=False, timeout=60)
    assert (told.stdout, told.stderr) == ("went on\n", "")


def test_the_shipped_scripts_define_what_pages_call():
    files = load_trackers(config.tracker_paths(), config.read_text)
    named = {name for file in files.values() for one in file.answers.opted_out for name in one.defines}
    assert {"posthog", "Sentry", "mixpanel", "amplitude", "plausible", "Matomo", "DD_RUM", "rrweb"} <= named
    answer = opted_out_answer(inbound("GET", "/static/array.js"), files["posthog"].answers.opted_out)
    assert b'["posthog"]' in answer.body


def test_the_tracker_files_first_fitting_answer_is_given():
    canned = (OptedOut(path="/flags*", body="{}"), OptedOut(status=299, headers={"X-A": "b"}, body="ü"))
    assert opted_out_answer(inbound("POST", "/flags/?v=2"), canned).status == 200
    other = opted_out_answer(inbound("POST", "/other"), canned)
    assert (other.status, other.headers.get("X-A"), other.body) == (299, "b", "ü".encode())


def test_a_preflight_asks_with_options_and_a_method():
    assert is_preflight(inbound("OPTIONS", "/e", ("access-control-request-method", "POST")))
    assert not is_preflight(inbound("OPTIONS", "/e"))
    assert not is_preflight(inbound("POST", "/e", ("Access-Control-Request-Method", "POST")))


def test_only_well_formed_names_are_allowed_back():
    asked = [
        ORIGIN,
        ("Access-Control-Request-Method", "P OST"),
        ("Access-Control-Request-Headers", "x-a,, b c, \xe9, X-D"),
    ]
    answer = preflight_answer(inbound("OPTIONS", "/e", *asked))
    assert answer.status == 204
    assert "Access-Control-Allow-Methods" not in answer.headers
    assert answer.headers.get("Access-Control-Allow-Headers") == "x-a, X-D"


def test_a_list_without_end_is_cut():
    names = ",".join(f"x-{n}" for n in range(10_000))
    answer = preflight_answer(inbound("OPTIONS", "/e", ("Access-Control-Request-Headers", names)))
    assert answer.headers.get("Access-Control-Allow-Headers").count(",") == 63


@pytest.mark.parametrize(
    "origin", ["https://shop.example:8443", "http://localhost", "null", "app://shop", "https://[::1]:1"]
)
def test_an_origin_is_echoed(origin):
    answer = with_cors(Response(502), inbound("POST", "/e", ("Origin", origin)))
    assert answer.headers.get("Access-Control-Allow-Origin") == origin
    assert answer.headers.get("Access-Control-Allow-Credentials") == "true"


@pytest.mark.parametrize(
    "origin", ["", "*", "https://a b", "https://a/b", "shop.example", "https://a\nX: y", "https://ü"]
)
def test_what_is_no_origin_is_not_echoed(origin):
    response = Response(502)
    assert with_cors(response, inbound("POST", "/e", ("Origin", origin))) is response


def test_cors_fields_stand_once_and_vary_names_origin_once():
    given = Headers([("Access-Control-Allow-Origin", "*"), ("Vary", "Accept"), ("vary", "Origin")])
    answer = with_cors(Response(200, given, b"x"), inbound("GET", "/", ORIGIN))
    assert answer.headers.all("Access-Control-Allow-Origin") == [ORIGIN[1]]
    assert answer.headers.all("Vary") == ["Accept, Origin"]
    assert answer.body == b"x"
