"""Every listed coding, unasked: round trips, budgets, and no other error than a refusal, whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codings import BY_CHARSET, BY_CONTENT_CODING, CODINGS
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits

TEXT = '{"name": "Ann Example", "city": "Zürich", "n": [1, 2, 3]}'
GZIP_OF_TEXT = BY_CONTENT_CODING["gzip"].encode(TEXT.encode(), b"")
# a content that each coding can hold
CONTENT = {
    "latin1": GZIP_OF_TEXT,
    "utf8": TEXT,
    "utf16": TEXT,
    "utf16le": TEXT,
    "utf16be": TEXT,
    "utf32": TEXT,
    "utf32le": TEXT,
    "utf32be": TEXT,
    "windows1252": TEXT,
    "percent": TEXT,
}
ORIGINAL = {
    "base64": "eyJhIjogImIifSAgICAgIA==",
    "base64-reversed": "==AIgACIgASfiImIgojIhJye",
    "percent": "%7B%22a%22%3A1%7D",
    "latin1": "",
    "deflate": b"x\x9c",
}
ALL = list({coding.name: coding for coding in (*CODINGS, *BY_CONTENT_CODING.values(), *BY_CHARSET.values())}.values())
NAMED = [pytest.param(coding, id=coding.name) for coding in ALL]


def budget(**limits):
    return Budget(Limits(**limits), lambda: 0.0)


def closed(coding):
    return coding.encode(CONTENT.get(coding.name, TEXT.encode()), ORIGINAL.get(coding.name, b""))


def test_names_are_unique():
    assert len({coding.name for coding in CODINGS}) == len(CODINGS)


@pytest.mark.parametrize("coding", NAMED)
def test_what_is_encoded_decodes_to_the_same(coding):
    source = closed(coding)
    if coding.name in {"deflate", "latin1"} or coding.name.startswith("utf"):
        assert coding.decode(source, budget()) == CONTENT.get(coding.name, TEXT.encode())
    else:
        assert coding.sniff(source)
        assert coding.decode(source, budget()) == CONTENT.get(coding.name, TEXT.encode())


@pytest.mark.parametrize("coding", [param for param in NAMED if not param.id.startswith("utf")])
def test_sniff_never_misses_its_own(coding):
    assert coding.sniff(closed(coding))


@pytest.mark.parametrize(
    "coding", [coding for coding in ALL if coding.name in {"gzip", "zlib", "deflate", "br", "zstd"}]
)
def test_a_bomb_is_refused_with_the_budget_spent_by_little(coding):
    bomb = coding.encode(bytes(8 * 1024 * 1024), b"x\x9c")
    spent = budget(decoded=100_000)
    with pytest.raises(Refused) as caught:
        coding.decode(bomb, spent)
    assert caught.value.reason is Reason.TOO_LARGE
    assert spent.decoded > -512 * 1024


@pytest.mark.parametrize(
    "coding", [coding for coding in ALL if coding.name in {"gzip", "zlib", "deflate", "br", "zstd"}]
)
@pytest.mark.parametrize("cut", range(1, 9))
def test_a_truncated_or_continued_stream_is_broken(coding, cut):
    whole = coding.encode(TEXT.encode() * 3, b"")
    for broken in (whole[:-cut], whole + b"\x00garbage!"[:cut]):
        with pytest.raises(Refused) as caught:
            coding.decode(broken, budget())
        assert caught.value.reason is Reason.BROKEN_CODING


@pytest.mark.parametrize(
    "coding", [coding for coding in ALL if coding.name in {"gzip", "zlib", "deflate", "br", "zstd"}]
)
def test_large_content_survives(coding):
    content = bytes(range(256)) * 5000 + bytes(3_000_000)
    assert coding.decode(coding.encode(content, b""), budget()) == content


@pytest.mark.parametrize("coding", NAMED)
@given(source=st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_source_decodes_or_is_refused(coding, source):
    coding.sniff(source)
    outcome = None
    try:
        outcome = coding.decode(source, budget())
    except Refused as refused:
        outcome = refused.reason
    assert isinstance(outcome, bytes | str)
    assert not isinstance(outcome, Reason) or outcome in {Reason.BROKEN_CODING, Reason.TOO_LARGE}


@pytest.mark.parametrize("coding", NAMED)
@given(text=st.text(max_size=60))
def test_any_text_can_be_written(coding, text):
    written = coding.encode(text, ORIGINAL.get(coding.name, b""))
    assert isinstance(written, (str, bytes))


@pytest.mark.parametrize("coding", NAMED)
@given(data=st.data())
def test_any_content_comes_back_from_how_it_was_written(coding, data):
    original = closed(coding)
    text = st.text(alphabet=st.characters(codec="cp1252" if coding.name == "windows1252" else "utf-8"), max_size=80)
    if coding.name == "latin1":  # packs compressed bytes alone
        content = GZIP_OF_TEXT + data.draw(st.binary(max_size=80))
    elif isinstance(CONTENT.get(coding.name), str):
        content = "{" + data.draw(
            text
        )  # UTF-16 without any NUL is refused; percent escapes are told by their first mark
    else:
        content = b'{"a' + data.draw(st.binary(min_size=12, max_size=200))  # base64 of hex digits alone is an id
    written = coding.encode(content, original)
    assert type(written) is type(original)
    assert coding.decode(written, budget()) == content
