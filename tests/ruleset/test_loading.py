"""The order of rule files: later ones win, default is always below."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from gateway import config
from gateway.core.errors import UserError
from gateway.ruleset.loading import FILE_LIMIT, load_rules
from gateway.ruleset.schema import Known

BUILT_IN = {"default": PurePath("/pkg/default.yaml"), "profiles/strict": PurePath("/pkg/profiles/strict.yaml")}


def load(names, files):
    texts = {"/pkg/default.yaml": "", "/pkg/profiles/strict.yaml": "extends: default"} | files

    def read(path):
        if str(path) not in texts:
            raise UserError("no such file", str(path))
        return texts[str(path)]

    loaded = load_rules(names, PurePath("site"), BUILT_IN, read, Known(), where="gateway.yaml:9")
    return [file.file for file in loaded]


D, S = "/pkg/default.yaml", "/pkg/profiles/strict.yaml"
ORDERS = [
    ("nothing named", [], {}, [D]),
    ("default alone", ["default"], {}, [D]),
    ("in the order named", ["default", "a.yaml", "b.yaml"], {"site/a.yaml": "", "site/b.yaml": ""}, [D, "site/a.yaml", "site/b.yaml"]),
    ("default below a file that doesn't extend it", ["a.yaml"], {"site/a.yaml": ""}, [D, "site/a.yaml"]),
    ("default named last is below still", ["a.yaml", "default"], {"site/a.yaml": ""}, [D, "site/a.yaml"]),
    ("what is extended comes first", ["a.yaml"], {"site/a.yaml": "extends: [profiles/strict, r/b.yaml]", "site/r/b.yaml": ""}, [D, S, "site/r/b.yaml", "site/a.yaml"]),
    ("a diamond once", ["a.yaml", "b.yaml"], {"site/a.yaml": "extends: c.yaml", "site/b.yaml": "extends: c.yaml", "site/c.yaml": ""}, [D, "site/c.yaml", "site/a.yaml", "site/b.yaml"]),
    ("beside the file that extends", ["r/a.yaml"], {"site/r/a.yaml": "extends: ../b.yaml", "site/b.yaml": ""}, [D, "site/b.yaml", "site/r/a.yaml"]),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "names", "files", "order"), ORDERS, ids=[row[0] for row in ORDERS])
def test_files_come_in_effective_order(_name, names, files, order):
    assert load(names, files) == order


MISTAKES = [
    ("circle", ["a.yaml"], {"site/a.yaml": "extends: b.yaml", "site/b.yaml": "extends: a.yaml"}, "site/b.yaml:1: rule files extend each other in a circle: a.yaml → b.yaml → a.yaml"),
    ("itself", ["a.yaml"], {"site/a.yaml": "\nextends: x/../a.yaml"}, "site/a.yaml:2: rule files extend each other in a circle: a.yaml → a.yaml"),
    ("unknown name", ["defualt"], {}, 'gateway.yaml:9: no built-in rules are named "defualt"; did you mean "default"? (the name of a file ends with .yaml)'),
    ("missing file", ["a.yaml"], {}, "site/a.yaml: no such file"),
    ("wrong file", ["a.yaml"], {"site/a.yaml": "maks: []"}, 'site/a.yaml:1: unknown key "maks"; did you mean "mask"?'),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "names", "files", "message"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_file_that_is_wrong_stops_the_start(_name, names, files, message):
    with pytest.raises(UserError) as caught:
        load(names, files)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{device_ids: mask, page_text: mask}", ""),
        ("{device_ids: hash}", ""),
        ("{device_ids: keep}", "site/a.yaml:3: device_ids: keep is weaker than hash, which all other visitors get"),
        ("{page_text: detect}", "site/a.yaml:3: page_text: detect is weaker than mask"),
    ],
)
def test_without_consent_no_more_is_recorded_than_with_it(record, message):
    text = f"record: {{page_text: mask}}\nvisitors:\n  - when: {{consent: none}}\n    record: {record}\n"
    texts = {"/pkg/default.yaml": "record: {device_ids: hash, page_text: detect}", "site/a.yaml": text}

    def loaded():
        names = config.known_names([])
        return load_rules(["a.yaml"], PurePath("site"), BUILT_IN, lambda path: texts[str(path)], names)

    if not message:
        assert loaded()[-1].visitors[0].when.consent == "none"
        return
    with pytest.raises(UserError) as caught:
        loaded()
    assert str(caught.value).startswith(message)


def test_a_chain_without_end_is_cut():
    files = {f"site/{n}.yaml": f"extends: {n + 1}.yaml" for n in range(FILE_LIMIT + 5)}
    with pytest.raises(UserError, match="more than 100 rule files"):
        load(["0.yaml"], files)
