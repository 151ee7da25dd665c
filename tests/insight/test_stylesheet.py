"""Whatever a recorded style sheet says, what is shown asks for nothing and ends no style."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.insight.stylesheet import declarations, sheet


@pytest.mark.parametrize(
    "text",
    [
        "@import url(http://x.test/a.css);",
        '@import "http://x.test/a.css";',
        "@font-face{font-family:a;src:url(http://x.test/a.woff)}",
        "a{background:url(http://x.test/a)}",
        "a{background:URL( 'http://x.test/a' )}",
        r"a{background:\75\72\6c(http://x.test/a)}",
        r"a{background:u\72l(http://x.test/a)}",
        "a{background:u/**/rl(http://x.test/a)}",
        "a{background:image-set('http://x.test/a' 1x)}",
        "a{background:-webkit-image-set(url(http://x.test/a) 1x)}",
        "a{background:cross-fade(url(http://x.test/a),red)}",
        "a{background:image('http://x.test/a')}",
        "a{background:src('http://x.test/a')}",
        "a{background:paint(x)}",
        "a{--x:url(http://x.test/a);}",
        "a{--x:{background:url(http://x.test/a)};}",
        "input[value^=a]{background:url(http://x.test/a)}",
        "a{width:expression(alert(1))}",
        "a{behavior:url(x.htc)}",
        "a{behavior:x}",
        "a{-moz-binding:none}",
        "a{cursor:url(http://x.test/a),auto}",
        "a{filter:url(http://x.test/a#b)}",
        "a{content:url(http://x.test/a)}",
        "a{list-style-image:url(http://x.test/a)}",
        "@namespace url(http://x.test/a);",
        "@page{background:url(http://x.test/a)}",
        "@property --x{syntax:'<url>';initial-value:url(http://x.test/a);inherits:false}",
        "@document url(http://x.test/a){a{color:red}}",
        "@view-transition{navigation:auto}",
        "@media screen{a{background:url(http://x.test/a)}}",
        "a{b{background:url(http://x.test/a)}}",
        "a{background:url(http://x.test/a",
        "a{background:url('http://x.test/a",
        "</style><script>x()</script>",
    ],
)
def test_what_may_fetch_or_run_is_gone(text):
    told = sheet(text).lower() + declarations(text).lower()
    assert [
        word
        for word in ("http", "url", "alert", "x.htc", "behavior", "binding", "import", "</", "paint")
        if word in told
    ] == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a{color:red}", "a{color:red;}"),
        (
            "@media (width<=600px){a{top:calc(1px + 2px)!important}}",
            "@media  (width<=600px){a{top:calc(1px + 2px) !important;}\n}",
        ),
        ("a>b:not(.c)::before{content:'x'}", 'a>b:not(.c)::before{content:"x";}'),
        ("a{background:linear-gradient(#fff,rgb(0 0 0/.5))}", "a{background:linear-gradient(#fff,rgb(0 0 0/.5));}"),
        ("a{color:red;background:url(x);top:0}", "a{color:red;top:0;}"),
        ("a{& b{color:red}}", "a{& b{color:red;}\n}"),
        ("@keyframes k{from{top:0}to{top:1px}}", "@keyframes  k{from{top:0;}\nto{top:1px;}\n}"),
        ("a{--gap:4px;margin:var(--gap)}", "a{--gap:4px;margin:var(--gap);}"),
    ],
)
def test_what_draws_stays(text, kept):
    assert sheet(text).strip() == kept


def test_a_style_in_a_string_ends_no_style():
    assert "</" not in sheet("a{content:'</style><script>x()</script>'}")
    assert "<!" not in declarations("content:'<!--'")


@pytest.mark.parametrize(
    "text", ["a{b:" + "(" * 100_000, "a{" * 100_000, "@media x{" * 50_000, "a" * 2_000_000, ":not(" * 50_000]
)
def test_a_hostile_sheet_ends_in_time_and_without_recursion(text):
    assert len(sheet(text)) < 1000


@given(st.text(alphabet="abcu\\rl(){}[]:;@'\"/*<>!-#.,& \n75 26c&$=", max_size=80))
def test_no_text_of_any_kind_gets_an_address_through(text):
    told = sheet(text + "a{background:url(http://x.test/a)}" + text) + declarations(
        text + ";background:url(http://x.test/a)"
    )
    bare = told.replace("\\", "").lower()
    assert "url(" not in bare or '"' in told  # in a string it is a text
    assert "</" not in told
