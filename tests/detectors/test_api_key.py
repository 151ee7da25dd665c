from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.plugin import Context
from gateway.detectors import BY_NAME, find
from gateway.detectors.api_key import FORMS

POSITIVES = [
    ("key " + "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("AK" + "IAIOSFODNN7EXAMPLE", "AK" + "IAIOSFODNN7EXAMPLE"),
    ("x=gh" + "p_" + "a1B2" * 9 + "!", "gh" + "p_" + "a1B2" * 9),
    ("xo" + "xb-123456789012-abcdefABCDEF", "xo" + "xb-123456789012-abcdefABCDEF"),
    ("AI" + "za" + "Sy0" * 11 + "Zq", "AI" + "za" + "Sy0" * 11 + "Zq"),
    ("gl" + "pat-" + "abc12" * 4, "gl" + "pat-" + "abc12" * 4),
    ("sk-" + "proj-" + "aB3_" * 8, "sk-" + "proj-" + "aB3_" * 8),
    ("S" + "G." + "aB3d" * 5 + "." + "xY9z" * 10, "S" + "G." + "aB3d" * 5 + "." + "xY9z" * 10),
    ("np" + "m_" + "aB3d" * 9, "np" + "m_" + "aB3d" * 9),
    ("hf" + "_" + "aB3d" * 9, "hf" + "_" + "aB3d" * 9),
    ("secret" + "_prod_" + "aB3d" * 5, "secret" + "_prod_" + "aB3d" * 5),
    ("12345678" + ":AA" + "aB3" * 11, "12345678" + ":AA" + "aB3" * 11),
]
LOOK_ALIKES = [
    "sk_live_",
    "pk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "sk-loading-spinner",
    "task_test_results",
    "AKIA",
    "key-frames-animation",
    "phc_ChmcdLbC770zgl23gp3Lax6SERzC2szOUxtp0Uy4nTf",
    "glpat-",
    "d41d8cd98f00b204e9800998ecf8427e",
]
ATTACKS = [
    "sk_live_" * 8192,
    "sk-" * 21845,
    "AKIA" * 16384,
    "key-" * 16384,
    "a" * 65536,
    "0" * 65536,
    "SG." * 21845,
]


@pytest.mark.parametrize(("text", "hit"), POSITIVES)
def test_finds_exactly_the_hit(text, hit):
    spans = find(text, [BY_NAME["api_key"]], Context())
    assert [text[span.start : span.end] for span in spans][:1] == [hit]


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_leaves_what_only_looks_alike(text):
    assert find(text, [BY_NAME["api_key"]], Context()) == []


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=20)
@given(data=st.data())
def test_no_key_of_any_form_is_passed_over_by_the_quick_look(name, data):
    hint = BY_NAME["api_key"].hint
    assert hint is not None
    assert hint(f"key {data.draw(st.from_regex(FORMS[name], fullmatch=True))} end")
