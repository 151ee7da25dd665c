"""A payload and rules to try on it: what they make of it, why, what the live rules do otherwise, and a rule test that is kept."""

import asyncio
import gzip
import json
import re

import pytest
import yaml

from gateway.console.pages.playground import written
from gateway.console.role import Role
from gateway.core.errors import UserError
from gateway.core.message import Headers, Inbound
from gateway.insight.keeping import keep_test
from tests.console.serving import RULES, served
from tests.console.test_live import Passing, text_of

FILE = "rules/my-shop.yaml"
PAYLOAD = {
    "event": "x",
    "properties": {"mail": "jane.roe@example.org", "colour": "teal", "order": {"note": "by the door"}},
}
STRICTER = RULES.replace("mask:\n", "mask:\n  - {name: colours, keys: [colour], with: redact}\n")


def told(tmp_path, monkeypatch, story):
    async def run():
        async with served(tmp_path, monkeypatch) as stage:
            tokens = {role: await stage.token(role, name) for role, name in ((Role.VIEWER, "vic"), (Role.EDITOR, "ed"))}
            return await story(stage, tokens)

    return asyncio.run(run())


def test_a_payload_is_shown_before_and_after_by_rules_that_are_tried(tmp_path, monkeypatch):
    async def story(stage, tokens):
        asked = {
            "capture": json.dumps(PAYLOAD), "tracker": "posthog", "value": "teal",
            "candidate": {"file": FILE, "text": STRICTER},
        }  # fmt: skip
        status, answer, _ = await stage.api("POST", "/try", tokens[Role.VIEWER], asked)
        assert status == 200
        assert "jane.roe@example.org" in text_of(answer["parts"], "before")
        after = text_of(answer["parts"], "after")
        assert "[email]" in after
        assert "teal" not in after
        (other,) = answer["against"]
        assert (other["place"], other["old"], other["loosens"]) == ("properties.colour", "", False)
        (place,) = answer["places"]
        assert (place["outcome"], place["rule"]) == ("masked", "colours")
        assert place["where"] == f"{tmp_path}/{FILE}:3"
        assert (tmp_path / FILE).read_text() == RULES

    told(tmp_path, monkeypatch, story)


@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        (
            {"candidate": {"file": FILE, "text": "mask: [{name: x, fieldz: [a], with: drop}]"}},
            422,
            'unknown key "fieldz"',
        ),
        ({"candidate": {"file": "nowhere.yaml", "text": ""}}, 404, "no rule file is named"),
        ({"tracker": "poshog"}, 422, "no tracker has this name"),
        ({"path": "no path"}, 400, "path"),
        ({"capture": ""}, 400, "capture"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path, monkeypatch, change, status, line):
    async def story(stage, tokens):
        got, answer, _ = await stage.api(
            "POST", "/try", tokens[Role.VIEWER], {"capture": json.dumps(PAYLOAD), **change}
        )
        assert got == status
        assert line in json.dumps(answer, ensure_ascii=False).replace('\\"', '"')

    told(tmp_path, monkeypatch, story)


def test_a_payload_that_would_be_refused_says_why(tmp_path, monkeypatch):
    async def story(stage, tokens):
        status, answer, _ = await stage.api("POST", "/try", tokens[Role.VIEWER], {"capture": '{"a": '})
        assert (status, answer["verdict"], answer["reason"]) == (200, "refuse", "broken_format")

    told(tmp_path, monkeypatch, story)


def keeping(**more):
    return {
        "text": STRICTER,
        "name": "a colour is redacted",
        "capture": json.dumps(PAYLOAD),
        "tracker": "posthog",
        "made_up": True,
    } | more


def test_what_was_tried_is_kept_as_a_rule_test_and_published(tmp_path, monkeypatch):
    async def story(stage, tokens):
        _, file, _ = await stage.api("GET", f"/rules/files/{FILE.replace('/', '%2F')}", tokens[Role.EDITOR])
        path = f"/rules/files/{FILE.replace('/', '%2F')}/tests"
        refused = [
            (tokens[Role.VIEWER], keeping(), 403),
            (tokens[Role.EDITOR], keeping(made_up=False), 400),
            (tokens[Role.EDITOR], keeping(name="an order's note is dropped"), 422),
            (tokens[Role.EDITOR], keeping(capture="no JSON"), 422),
            (tokens[Role.EDITOR], keeping(capture=json.dumps({**PAYLOAD, "distinct_id": "abcdef0123456789"})), 422),
        ]
        for token, body, status in refused:
            got, answer, _ = await stage.api("POST", path, token, body, If_Match=f'"{file["etag"]}"')
            assert got == status, answer
            assert (tmp_path / FILE).read_text() == RULES
        assert "a pseudonym is another one by another key" in json.dumps(answer)
        got, answer, _ = await stage.api("POST", path, tokens[Role.EDITOR], keeping(), If_Match=f'"{file["etag"]}"')
        assert got == 200, answer
        text = (tmp_path / FILE).read_text()
        assert text.startswith(STRICTER)
        kept = yaml.safe_load(text)["tests"][-1]
        assert kept["input"] == PAYLOAD
        assert kept["expect"]["properties"] == {"mail": "[email]", "colour": "[redacted]", "order": {}}
        got, answer, _ = await stage.api(
            "POST", path, tokens[Role.EDITOR], keeping(name="again"), If_Match=f'"{file["etag"]}"'
        )
        assert got == 412
        assert len(stage.running.configuration.rules[-1].tests) == 2

    told(tmp_path, monkeypatch, story)


def test_the_page_works_without_script(tmp_path, monkeypatch):
    async def story(stage, tokens):
        await stage.log_in("ed")
        Passing(stage).send(
            Inbound(
                "POST",
                "/e/?a=b",
                Headers([("Content-Encoding", "gzip")]),
                gzip.compress(json.dumps(PAYLOAD).encode()),
                route="shop",
            )
        )
        page = await (await stage.client.get(f"{stage.url}/playground?request=1")).text()
        assert "by the door" in page
        assert "jane.roe@example.org" in page
        assert any("playground" in line.about for line in stage.desk.trail.read())
        example = await (await stage.client.get(f"{stage.url}/playground?example=posthog")).text()
        assert "change" in example
        field, proof = re.search(
            r'<input type="hidden" name="([^"]+)" value="([^"]+)">\s*<input type="hidden" name="file" value="rules',
            example,
        ).groups()
        fields = {
            field: proof,
            "file": FILE,
            "text": STRICTER,
            "capture": json.dumps(PAYLOAD),
            "tracker": "posthog",
            "value": "teal",
            "do": "try",
        }
        answer = await stage.client.post(f"{stage.url}/playground", data=fields, headers={"Origin": stage.url})
        page = await answer.text()
        assert answer.status == 200
        assert "Other than by the live rules" in page
        assert "rule &#39;colours&#39;" in page
        fields |= {
            "do": "keep",
            "name": "a colour is redacted",
            "etag": re.search(r'name="etag" value="([0-9a-f]+)"', page)[1],
        }
        answer = await stage.client.post(f"{stage.url}/playground", data=fields, headers={"Origin": stage.url})
        assert answer.status == 422
        assert "made up" in await answer.text()
        answer = await stage.client.post(
            f"{stage.url}/playground", data=fields | {"made_up": "yes"}, headers={"Origin": stage.url}
        )
        assert answer.status == 200
        assert "one test more" in await answer.text()
        assert (tmp_path / FILE).read_text().count("- name") == 3

    told(tmp_path, monkeypatch, story)


def test_a_viewer_gets_no_request_as_it_came(tmp_path, monkeypatch):
    async def story(stage, tokens):
        await stage.log_in("vic")
        Passing(stage).send(Inbound("POST", "/e/", Headers(), json.dumps(PAYLOAD).encode(), route="shop"))
        answer = await stage.client.get(f"{stage.url}/playground?request=1")
        assert answer.status == 403
        page = await (await stage.client.get(f"{stage.url}/playground")).text()
        assert "A request that passed" not in page
        assert "Keep as a rule test" not in page

    told(tmp_path, monkeypatch, story)


TEST = ['  - name: "n"', '    input: {"a": 1}', '    expect: {"a": 2}']


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: default\n", ["extends: default", "tests:", *TEST]),
        (
            "tests:\n- name: x\n  input: 1\n  expect: 1\n\n# end\nmask: []\n",
            ["tests:", "- name: x", "  input: 1", "  expect: 1", *[line[2:] for line in TEST], "", "# end", "mask: []"],
        ),
        (
            "tests:\n    - {name: x, input: 1, expect: 1}\n",
            ["tests:", "    - {name: x, input: 1, expect: 1}", *[f"  {line}" for line in TEST]],
        ),
    ],
)
def test_a_test_comes_to_stand_behind_the_others(text, expected):
    kept = keep_test(text, "n", "", "/", {"a": 1}, {"a": 2})
    assert kept.splitlines() == expected
    assert yaml.safe_load(kept)["tests"][-1] == {"name": "n", "input": {"a": 1}, "expect": {"a": 2}}


def test_a_list_in_one_line_is_left_alone():
    with pytest.raises(UserError, match="an item a line"):
        keep_test("tests: []\n", "n", "", "/", 1, 1)


@pytest.mark.parametrize(("body", "key"), [(gzip.compress(b'{"a":1}', mtime=0), "body"), (b"\xff\xfe\x00", "body_b64")])
def test_a_request_that_passed_is_written_so_that_it_can_be_edited(body, key):
    headers = Headers([("Content-Encoding", "gzip")] if key == "body" else [])
    told = json.loads(written(Inbound("POST", "/e/", headers, body)))
    assert key in told
