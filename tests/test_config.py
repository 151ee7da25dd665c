"""gateway.yaml: its defaults, what it refuses, and what it reads from its surroundings."""

from __future__ import annotations

import json
import shutil
import stat
from ipaddress import ip_network

import pytest

from gateway import config
from gateway.config import Address, Secret, load, load_settings, masking_keys, rules_directory, schema_text, substitute
from gateway.core.errors import UserError
from gateway.core.limits import Limits

ROUTE = "routes: [{upstream: 'https://u.example'}]\n"
TRACKERS = ("_any", "posthog", "sentry")

FULL = """\
listen: 0.0.0.0:8443
tls:
  mode: serve
  certificate: certs/gateway.pem
  key: /etc/gateway.key
  minimum: TLSv1.3
  client_ca: null
  redirect_http: 0.0.0.0:8080
trusted_proxies: [10.0.0.0/8, "2001:db8::/32"]
limits: {body: 20MiB, decoded: 64MiB, layers: 32, depth: 256, time: 2s}
routes:
  - path: /t/
    tracker: posthog
    upstream: https://EU.i.posthog.example/base/
    upstream_ca: ca.pem
    unreadable: refuse
    unrecognised: mask_all
    delivery: inline
    record: off
  - host: Rec.example.com
    name: sentry
    tracker: [sentry, posthog]
    upstream: http://127.0.0.1:9000
rules: [default, rules/my-shop.yaml]
visitors:
  opt_out: {cookies: [no_thanks], gpc: true, dnt: false}
workers: 1
masking_key: env:GATEWAY_KEY
"""


@pytest.fixture
def settings_of(tmp_path):
    def read(text, **environ):
        path = tmp_path / "gateway.yaml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path, environ, TRACKERS)

    return read


def test_the_contract_s_example_is_read_as_written(settings_of, tmp_path):
    settings = settings_of(FULL)
    assert settings.listen == Address("0.0.0.0", 8443)
    assert settings.tls.certificate == tmp_path / "certs/gateway.pem"
    assert str(settings.tls.key) == "/etc/gateway.key"
    assert settings.tls.redirect_http == Address("0.0.0.0", 8080)
    assert settings.tls.client_ca is None
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert settings.limits.as_limits() == Limits()
    first, second = settings.routes
    assert (first.upstream, first.record, first.label, first.tracker) == (
        "https://eu.i.posthog.example/base", False, "/t/", ("posthog",),
    )  # fmt: skip
    assert first.upstream_ca == tmp_path / "ca.pem"
    assert first.where == f"{tmp_path / 'gateway.yaml'}:12"
    assert (second.host, second.path, second.label, second.is_auto) == ("rec.example.com", "/", "sentry", False)
    assert settings.rules == ("default", "rules/my-shop.yaml")
    assert (settings.visitors.opt_out.cookies, settings.visitors.opt_out.dnt) == (("no_thanks",), False)
    assert settings.masking_key == Secret(variable="GATEWAY_KEY")


def test_every_key_has_a_default_but_the_upstream(settings_of, tmp_path):
    settings = settings_of(ROUTE)
    assert settings.listen == Address("0.0.0.0", 8443)
    assert (settings.tls.mode, settings.tls.minimum) == ("serve", "TLSv1.2")
    assert settings.tls.certificate == tmp_path / "certs/gateway.pem"
    assert settings.trusted_proxies == ()
    assert settings.limits.as_limits() == Limits()
    assert settings.rules == ("default",)
    assert settings.visitors.opt_out.cookies == ("gateway_opt_out",)
    assert settings.visitors.opt_out.gpc
    assert settings.visitors.opt_out.dnt
    assert settings.masking_key == Secret(file=tmp_path / "var/masking.key")
    (route,) = settings.routes
    assert (route.path, route.is_auto, route.record, route.unreadable, route.unrecognised) == (
        "/", True, True, "refuse", "detect",
    )  # fmt: skip


def route(**keys):
    entries = {"upstream": "https://u.example"} | keys
    return "routes:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in entries.items())


UPSTREAM = [
    ("http://u.example", "would send in the clear"),
    ("http://127.0.0.1.example", "would send in the clear"),
    ("ftp://u.example", "is no https:// URL"),
    ("u.example", "is no https:// URL"),
    ("https://", "is no https:// URL"),
    ("https://user:secret@u.example", "must not hold credentials"),
    ("https://@u.example", "must not hold credentials"),
    ("https://u.example/?a=b", "must not hold a query"),
    ("'https://u.example/#x'", "must not hold a query"),
    ("https://u.example/a/../b", "must not hold //, . or .."),
    ("https://u.example//b", "must not hold //, . or .."),
    ("https://u.example:0", "is no host"),
    ("'https://u.example:'", "is no host"),
    ("https://u.example:99999", "is no URL"),
    ("https://u_x.example", "is no host"),
    ("'https://u.example\\@evil.example'", "without spaces or special characters"),
    ("'https://u.example /'", "without spaces or special characters"),
    ('"https://u.example/\\n"', "without spaces or special characters"),
    ("https://[::1", "is no URL"),
]
MISTAKES = [
    ("", 1, '"routes" is missing'),
    ("routes: []", 1, "at least one route"),
    ("routes:\n  - path: /t/", 2, '"upstream" is missing'),
    (ROUTE + "lisen: 0.0.0.0:1", 2, 'unknown key "lisen"; did you mean "listen"?'),
    (ROUTE + "spool: {key: 00ff}", 2, "name where the secret is, as in env:NAME or file:path; never write it here"),
    (ROUTE + "spool: {limit: 1KiB}", 2, "must be from 64KiB to 1TiB"),
    (ROUTE + "spool: {keep: 1y}", 2, "a time with its unit is wanted here"),
    (ROUTE + "spool: {keep: 91d}", 2, "must be from 1s to 90d"),
    (ROUTE + "spool: {revoked: [abc]}", 2, '"abc" is no digest of rules'),
    (ROUTE + "console: {listen: '0.0.0.0:9090'}", 2, "would speak in the clear"),
    (ROUTE + "console: {listen: '[::]:9090'}", 2, "would speak in the clear"),
    (ROUTE + "console: {}", 2, '"listen" is missing'),
    (ROUTE + "tracing: {endpoint: 'http://collector.example/v1/traces'}", 2, "would send in the clear"),
    (ROUTE + "tracing: {}", 2, '"endpoint" is missing'),
    (ROUTE + "monitor: {sample: 0%}", 2, "a share above 0% and up to 100% is wanted here"),
    (ROUTE + "monitor: {sample: 0.5}", 2, "a share above 0% and up to 100% is wanted here"),
    (ROUTE + "monitor: 1%", 2, "keys are wanted here, not text"),
    (ROUTE + "sessions: {most: 0}", 2, "from 1 to 100000000"),
    (ROUTE + "sessions: {idle: 30s}", 2, "from 1m to 24h"),
    (ROUTE + "egress_proxy: http://proxy.example:3128", 2, "keys are wanted here, not text"),
    (ROUTE + "egress_proxy: {url: 'http://u:p@proxy.example'}", 2, "must not hold credentials"),
    (ROUTE + "egress_proxy: {url: 'socks5://proxy.example'}", 2, "is no proxy"),
    (ROUTE + "egress_proxy: {url: 'http://proxy.example/x'}", 2, "a proxy has no path"),
    (ROUTE + "egress_proxy: {url: 'http://[::1'}", 2, "is no URL"),
    (ROUTE + "egress_proxy: {url: 'http://proxy.example', credentials: 'u:p'}", 2, "never write it here"),
    (ROUTE + "visitors: {region: {header: CF-IPCountry}}", 1, "counts from trusted_proxies only"),
    (ROUTE + "visitors:\n  consent: {required_in: [eu]}", 3, "is no region: write gdpr"),
    (ROUTE + "visitors:\n  consent: {cookies: [onetrus]}", 3, "is neither a tool"),
    (ROUTE + "visitors:\n  consent: {tcf_purposes: [25]}", 3, "from 1 to 24"),
    (ROUTE + "visitors:\n  region: {unknown: germany}", 3, "is no country: write strictest"),
    (ROUTE + "workers: 65", 2, "must be from 1 to 64"),
    (ROUTE + "workers: 0", 2, "must be from 1 to 64"),
    (ROUTE + "workers: true", 2, "a whole number is wanted here, not true or false"),
    (route(delivery="queued"), 1, "delivery: queued (line 2) needs a spool: add `spool: {key: env:GATEWAY_KEY}`"),
    (route(unreadable="quarantine"), 1, "unreadable: quarantine (line 2) needs a spool"),
    (route(unreadable="keep"), 3, '"keep" is not one of refuse'),
    (route(unrecognised="mask-all"), 3, 'did you mean "mask_all"?'),
    (route(record="maybe"), 3, "on or off is wanted here"),
    (route(tracker="posthgo"), 3, 'unknown tracker "posthgo"; did you mean "posthog"?'),
    (route(tracker="_any"), 3, 'unknown tracker "_any"'),
    (route(tracker="[auto, posthog]"), 3, "auto stands alone"),
    (route(tracker="[]"), 3, "name a tracker"),
    (route(path="t"), 3, 'did you mean "/t/"?'),
    (route(path="/t"), 3, 'did you mean "/t/"?'),
    (route(path="/a/../"), 3, "is no path prefix"),
    (route(path="/a%2f/"), 3, "is no path prefix"),
    (route(path="//"), 3, "is no path prefix"),
    (route(host="https://a.example"), 3, "is no host name"),
    (route(host="a.example:8443"), 3, "is no host name"),
    (ROUTE + "listen: 8443", 2, "an address and a port are wanted"),
    (ROUTE + "listen: 0.0.0.0:99999", 2, "an address and a port are wanted"),
    (ROUTE + "listen: shop.example:443", 2, "is no IP address"),
    (ROUTE + "listen: '::1:443'", 2, "in brackets"),
    (ROUTE + "tls:\n  minimum: TLSv1.1", 3, '"TLSv1.1" is not one of TLSv1.2, TLSv1.3'),
    (ROUTE + "tls:\n  mode: servr", 3, 'did you mean "serve"?'),
    (ROUTE + "tls: {mode: off}", 1, "mode off is for loopback addresses"),
    (ROUTE + "tls: {mode: behind_proxy}", 1, "needs trusted_proxies"),
    (ROUTE + "tls: {mode: behind_proxy, client_ca: a.pem}", 2, "client_ca needs mode: serve"),
    (ROUTE + "trusted_proxies: [10.0.0.1/8]", 2, "write 10.0.0.0/8"),
    (ROUTE + "trusted_proxies: [proxy]", 2, "a network is wanted here"),
    (ROUTE + "limits: {body: 20 MB}", 2, "a size is wanted here, as in 20MiB"),
    (ROUTE + "limits: {body: 0}", 2, "from 1KiB to 1GiB"),
    (ROUTE + "limits: {body: -1}", 2, "a size is wanted here"),
    (ROUTE + "limits: {time: 2}", 2, "a time with its unit"),
    (ROUTE + "limits: {time: 0s}", 2, "from 10ms to 60s"),
    (ROUTE + "limits: {layers: 0}", 2, "from 1 to 64"),
    (ROUTE + "limits: {depth: 1e3}", 2, "a whole number is wanted here"),
    (ROUTE + "visitors: {opt_out: {gpc: yes}}", 2, "true or false is wanted here, not text"),
    (ROUTE + "visitors: {opt_out: {cookies: ['a b']}}", 2, "is no cookie name"),
    (ROUTE + "masking_key: 00112233", 2, "never write it here"),
    (ROUTE + "listen: ${HERE}:1", 2, "the environment variable HERE is not set"),
    (ROUTE + "listen: ${HERE", 2, "${ begins a variable"),
    *[(route(path="/a/").replace("https://u.example", url), 2, message) for url, message in UPSTREAM],
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES)
def test_a_mistake_names_its_line_and_what_to_write(settings_of, tmp_path, text, line, message):
    with pytest.raises(UserError) as caught:
        settings_of(text)
    assert caught.value.where == f"{tmp_path / 'gateway.yaml'}:{line}"
    assert message in caught.value.message
    assert "\n" not in str(caught.value)


def test_no_message_repeats_a_secret(settings_of):
    for text in (ROUTE + "masking_key: hunter2hunter2", route(upstream="https://user:hunter2@u.example")):
        with pytest.raises(UserError) as caught:
            settings_of(text)
        assert "hunter2" not in str(caught.value)


TWICE = [
    ("[{upstream: 'https://a.example'}, {upstream: 'https://b.example'}]", "two routes have the same name"),
    ("[{name: a, path: /t/, upstream: 'https://a.example'}, {name: b, path: /t/, upstream: 'https://b.example'}]", "the same host and path"),
    ("[{name: a, path: /t/, upstream: 'https://a.example'}, {name: a, path: /u/, upstream: 'https://b.example'}]", "the same name"),
]  # fmt: skip


@pytest.mark.parametrize(("routes", "message"), TWICE)
def test_two_routes_never_stand_in_the_same_place(settings_of, routes, message):
    with pytest.raises(UserError, match=message):
        settings_of(f"routes: {routes}")


LOOPBACK = ["127.0.0.1:0", "'[::1]:8080'", "localhost:8080"]


@pytest.mark.parametrize("listen", LOOPBACK)
def test_plain_http_is_for_loopback_addresses(settings_of, listen):
    settings = settings_of(ROUTE + f"listen: {listen}\ntls: {{mode: off}}")
    assert settings.listen.is_loopback
    assert str(settings.listen) == listen.strip("'")


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://127.9.9.9/x"])
def test_a_backend_on_this_machine_may_speak_plain_http(settings_of, url):
    assert settings_of(route(upstream=f"'{url}'")).routes[0].upstream == url


@pytest.mark.parametrize(("text", "bytes_"), [("1KiB", 1024), ("1.5MiB", 1572864), ("4096", 4096), ("2048B", 2048)])
def test_sizes_have_binary_units(settings_of, text, bytes_):
    assert settings_of(ROUTE + f"limits: {{body: {text}}}").limits.body == bytes_


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("2s", 2.0), ("1m", 60.0), ("1.5s", 1.5)])
def test_times_have_units(settings_of, text, seconds):
    assert settings_of(ROUTE + f"limits: {{time: {text}}}").limits.time == seconds


def test_variables_are_filled_in_and_typed_as_if_written_there(settings_of):
    text = "routes: [{upstream: 'https://${HOST}/x'}]\nworkers: ${N}\nlisten: ${IP}:${PORT}"
    settings = settings_of(text, HOST="u.example", N="1", IP="127.0.0.1", PORT="9")
    assert (settings.routes[0].upstream, settings.workers) == ("https://u.example/x", 1)
    assert str(settings.listen) == "127.0.0.1:9"


def test_a_variable_cannot_add_structure(settings_of):
    with pytest.raises(UserError, match="without spaces or special characters"):
        settings_of("routes: [{upstream: '${X}'}]", X="https://a.example\nrecord: off")


def test_a_doubled_dollar_is_the_characters_themselves():
    assert substitute("$${A} ${A} $A", {"A": "x"}) == "${A} x $A"


def test_what_cannot_be_read_is_told_with_the_file(tmp_path):
    with pytest.raises(UserError, match=r"gateway\.yaml: no such file"):
        load_settings(tmp_path / "gateway.yaml", {}, TRACKERS)
    with pytest.raises(UserError, match="can't be read: is a directory"):
        load_settings(tmp_path, {}, TRACKERS)
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"a: 1\nb: \xff")
    with pytest.raises(UserError, match=r"bad\.yaml:2: not valid UTF-8"):
        load_settings(bad, {}, TRACKERS)


def test_rules_for_those_without_consent_need_somebody_who_is_asked(tmp_path):
    (tmp_path / "r.yaml").write_text("visitors: [{when: {consent: none}, record: {page_text: mask}}]\n")
    file = tmp_path / "gateway.yaml"
    file.write_text("routes: [{upstream: 'https://x.example'}]\nrules: [r.yaml]\n")
    with pytest.raises(UserError, match=r"r\.yaml:1: consent: none means nobody: say in visitors.consent"):
        load(file)
    file.write_text(file.read_text() + "visitors: {consent: {required_in: [gdpr]}}\n")
    assert load(file).rules[-1].visitors


def test_the_masking_key_is_made_once_and_for_its_owner_alone(settings_of, tmp_path):
    settings = settings_of(ROUTE)
    key = masking_keys(settings).oldest
    path = tmp_path / "var/masking.key"
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["masking.key"]
    assert masking_keys(settings).oldest == key


def test_two_sites_have_two_keys(settings_of, tmp_path):
    one, other = (settings_of(ROUTE + f"masking_key: file:{name}") for name in ("a.key", "b.key"))
    assert masking_keys(one) != masking_keys(other)


def test_the_masking_key_comes_from_the_environment_where_told(settings_of):
    settings = settings_of(ROUTE + "masking_key: env:K")
    assert masking_keys(settings, {"K": "ab" * 32 + "\n"}).oldest == b"\xab" * 32
    with pytest.raises(UserError, match="K is not set"):
        masking_keys(settings, {})
    with pytest.raises(UserError, match="64 hexadecimal digits") as caught:
        masking_keys(settings, {"K": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_masking_key_that_others_can_write_is_refused(settings_of, tmp_path):
    settings = settings_of(ROUTE + "masking_key: file:k")
    (tmp_path / "k").write_text("ab" * 32)
    (tmp_path / "k").chmod(0o622)
    with pytest.raises(UserError, match="masking_key: others can write it: chmod 600"):
        masking_keys(settings)


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    root = tmp_path / "packaged"
    (root / "trackers").mkdir(parents=True)
    (root / "profiles").mkdir()
    (root / "default.yaml").write_text("record: {urls: detect}")
    (root / "profiles/strict.yaml").write_text("extends: default\nrecord: {urls: drop}")
    (root / "trackers/posthog.yaml").write_text("tracker: posthog")
    shutil.copytree(rules_directory() / "visitors", root / "visitors")
    monkeypatch.setattr(config, "rules_directory", lambda: root)
    return root


def test_a_configuration_is_loaded_whole_with_every_file_it_was_read_from(tmp_path, packaged):
    path = tmp_path / "gateway.yaml"
    path.write_text("routes: [{upstream: 'https://u.example', tracker: posthog}]\nrules: [profiles/strict, a.yaml]")
    (tmp_path / "a.yaml").write_text("mask: [{name: m, detect: email, with: {replace: '[x]'}}]")
    loaded = config.load(path, {})
    assert [file.file for file in loaded.rules] == [
        str(packaged / "default.yaml"), str(packaged / "profiles/strict.yaml"), str(tmp_path / "a.yaml"),
    ]  # fmt: skip
    assert list(loaded.trackers) == ["posthog"]
    assert set(loaded.files) == {
        path, tmp_path / "a.yaml", packaged / "default.yaml", packaged / "profiles/strict.yaml",
        packaged / "trackers/posthog.yaml", packaged / "visitors/opt_out.html", packaged / "visitors/opt_out.yaml",
    }  # fmt: skip


OWN = "trackers: [mine/shopstat.yaml]\nroutes: [{upstream: 'https://u.example', tracker: [posthog, shopstat]}]\nrules: [a.yaml]"


@pytest.fixture
def own(tmp_path, packaged):
    """A configuration with a tracker file of its own, which a route and a rule name."""
    (tmp_path / "gateway.yaml").write_text(OWN)
    (tmp_path / "a.yaml").write_text("mask: [{name: m, detect: email, trackers: shopstat, with: {replace: '[x]'}}]")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/shopstat.yaml").write_text("tracker: shopstat")
    return tmp_path / "gateway.yaml"


def test_tracker_files_of_one_s_own_stand_beside_the_packaged_ones_and_are_watched(own):
    loaded = config.load(own, {})
    assert list(loaded.trackers) == ["posthog", "shopstat"]
    assert own.parent / "mine/shopstat.yaml" in loaded.files
    assert loaded.settings.routes[0].tracker == ("posthog", "shopstat")


def test_a_command_may_bring_more_tracker_files(own):
    (own.parent / "more.yaml").write_text("tracker: more")
    assert list(config.load(own, {}, [own.parent / "more.yaml"]).trackers) == ["more", "posthog", "shopstat"]


OWN_MISTAKES = [
    ("mine/shopstat.yaml", "mine/shopstat.yaml, mine/posthog.yaml", 'there is a tracker "posthog" already'),
    ("mine/shopstat.yaml", "mine/shopstat.yaml, mine/none.yaml", "no such file"),
    ("mine/shopstat.yaml", "mine/shopstat.yaml, mine/shopstat.yaml", 'there is a tracker "shopstat" already'),
    ("[mine/shopstat.yaml]", "[{a: b}]", '"trackers": a file\'s path is wanted here'),
    ("[mine/shopstat.yaml]", "mine/shopstat.yaml", '"trackers"'),
    ("[posthog, shopstat]", "shopsta", 'did you mean "shopstat"'),
    ("mine/shopstat.yaml", "", 'unknown tracker "shopstat"'),
]


@pytest.mark.parametrize(("wrote", "instead", "message"), OWN_MISTAKES)
def test_a_mistake_in_tracker_files_of_one_s_own_stops_the_start(own, wrote, instead, message):
    (own.parent / "mine/posthog.yaml").write_text("tracker: posthog")
    own.write_text(OWN.replace(wrote, instead, 1))
    with pytest.raises(UserError) as caught:
        config.load(own, {})
    assert message in str(caught.value)


def test_rules_may_name_every_operator_and_detector_of_this_version_and_no_other():
    known = config.known_names(["_any", "posthog"])
    assert {"mask", "drop", "keep"} <= set(known.operators)
    assert "email" in known.detectors
    assert known.trackers == ("posthog",)


@pytest.mark.parametrize("name", list(config.SCHEMAS))
def test_the_published_schemas_are_those_of_the_models(name):
    published = (rules_directory() / "schema" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(name), "run: python -c 'from gateway import config; ...write_schemas(...)'"


@pytest.mark.parametrize("name", list(config.SCHEMAS))
def test_schemas_list_what_people_write_and_not_what_the_gateway_fills_in(name):
    text = schema_text(name)
    assert '"where"' not in text
    assert json.loads(text)["additionalProperties"] is False


def test_what_waits_and_its_keys_are_in_a_backup_and_what_is_quarantined_is_not(tmp_path):
    (tmp_path / "gateway.yaml").write_text(ROUTE + "spool: {path: s.db, key: file:ring.json}")
    files = config.state_files(config.load(tmp_path / "gateway.yaml", {}))
    assert {tmp_path / "s.db", tmp_path / "ring.json"} <= set(files)
    assert not any("quarantine" in path.name for path in files)
