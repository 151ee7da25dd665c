"""A browser keeps its family, major version and platform; what tells it from its like goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators.user_agent import coarsen, coarsen_number, coarsen_text, coarsen_version

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"

ALREADY_COARSE = [
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/156.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/156.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/156.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/156.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/156.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
    '"Chromium";v="156", "Google Chrome";v="156", "Not=A?Brand";v="24"',
    '"Not/A)Brand";v="8.0.0.0"',
    "Not;A=Brand",
    " Not A;Brand",
    "(Not(A:Brand",
    "Google Chrome",
    "Mac OS X",
    "x86",
    "64",
    "132",
    "?0",
    "1280x860",
    "1920x1080",
    "desktop",
    "",
]


@pytest.mark.parametrize("text", ALREADY_COARSE)
def test_what_is_coarse_already_stays_byte_for_byte(text):
    assert coarsen_text(text) == text


COARSER = {
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/156.0.8078.79 Safari/537.36": (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/156.0.0.0 Safari/537.36"
    ),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15": (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0.0 Safari/605.1.15"
    ),
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/21B91 Safari/604.1": (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
    ),
    f"Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) {WEBKIT} Version/4.0 Chrome/120.0.6099.144 Mobile Safari/537.36": (
        f"Mozilla/5.0 (Linux; Android 14; K; wv) {WEBKIT} Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36"
    ),
    f"Mozilla/5.0 (Linux; U; Android 4.4.2; en-us; moto g(7) power) {WEBKIT}": (
        f"Mozilla/5.0 (Linux; U; Android 4; en-us; K) {WEBKIT}"
    ),
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6 Build/TQ3A.230805.001)": "Dalvik/2.0.0 (Linux; U; Android 13; K)",
    "MyShop/3.4.1 (com.shop.app; build:45123; iOS 17.1.2) Alamofire/5.8.1": (
        "MyShop/3.0.0 (com.shop.app; build:0; iOS 17.0.0) Alamofire/5.0.0"
    ),
    "MyShop/8f3a2b (iPhone14,3; 84cc76e3; 1170x2532; scale=3.00)": "MyShop/0 (iPhone; 0; 1180x2540; scale=3.00)",
    "okhttp/4.12.0": "okhttp/4.0.0",
    "sentry.cocoa/8.1": "sentry.cocoa/8.0",
    "Mozilla/5.0 (compatible; Bot/2.1; +http://x.example/bot.html)": "Mozilla/5.0 (compatible; Bot/2.0; +http://x.example/bot.html)",
    '"Chromium";v="156.0.8078.79", "Not=A?Brand";v="24.0.0.0"': '"Chromium";v="156.0.0.0", "Not=A?Brand";v="24.0.0.0"',
    "Chromium;156.0.8078.79|Not=A?Brand;24.0.0.0": "Chromium;156.0.0.0|Not=A?Brand;24.0.0.0",
    "156.0.8078.79": "156.0.0.0",
    "17.4.1": "17.0.0",
    "17_4_1": "17_0_0",
    '"15.5.0"': '"15.0.0"',
    "1366x768": "1360x760",
    "1366x768x24": "1360x760x24",
    "1366 × 768": "1360 × 760",
    "1083": "1080",
    "1083.": "1080",
    "Pixel 8 Pro": "K",
    "SM-S918B": "K",
    "Jane's iPhone": "***",
}


@pytest.mark.parametrize("text", COARSER)
def test_versions_models_and_builds_become_coarser(text):
    assert coarsen_text(text) == COARSER[text]
    assert coarsen_text(COARSER[text]) == COARSER[text]


@pytest.mark.parametrize(
    ("literal", "words", "coarse"),
    [
        ("2", ("hardware", "concurrency"), "2"),
        ("12", ("hardware", "concurrency"), "16"),
        ("5", ("cpu",), "4"),
        ("64", ("cores",), "16"),
        ("16", ("device", "memory"), "16"),
        ("0.5", ("device", "memory"), "0.5"),
        ("7.7", ("ram",), "8"),
        ("8192", ("device", "memory"), "8192"),
        ("33000000000", ("memory",), "17179869184"),
        ("1083", ("screen", "width"), "1080"),
        ("25", ("avail", "top"), "20"),
        ("-1921", ("screen", "left"), "-1920"),
        ("1083", ("viewport", "width"), "1083"),
        ("24", ("color", "depth"), "24"),
        ("1.100000023841858", ("pixel", "ratio"), "1"),
        ("2.625", ("pixel", "ratio"), "2.5"),
        ("156", (), "156"),
        ("1366", (), "1360"),
        ("17.4", ("os", "version"), "17.0"),
        ("0", (), "0"),
        ("-0", (), "-0"),
        ("1e3", (), "1e3"),
        ("1e999999999", (), "0"),
        ("9" * 500, (), "0"),
        ("word", (), "0"),
    ],
)
def test_numbers_round_as_the_words_of_their_key_tell(literal, words, coarse):
    assert coarsen_number(literal, words) == coarse
    assert coarsen_number(coarse, words) == coarse


@pytest.mark.parametrize(
    ("text", "words", "coarse"),
    [
        ("Galaxy Fold", ("device", "model"), ""),
        ('"Galaxy Fold"', ("sec", "ch", "ua", "model"), '""'),
        ("1083x777", ("viewport", "size"), "1083x777"),
        ("1083", ("screen", "height"), "1080"),
        ("12", ("hardware", "concurrency"), "16"),
    ],
)
def test_text_is_read_by_the_words_of_its_key(text, words, coarse):
    assert coarsen_text(text, words) == coarse


@pytest.mark.parametrize(
    ("text", "coarse"),
    [("156", "156"), ("15.5-beta.2", "15.0"), ("15E148", "0"), ("20231105", "0"), ("v", "0"), ("", "0")],
)
def test_a_version_keeps_its_major_and_the_number_of_its_parts(text, coarse):
    assert coarsen_version(text) == coarse


@given(
    st.lists(
        st.sampled_from(
            [
                "Android",
                " 14",
                ";",
                "(",
                ")",
                "Build/",
                "/",
                ".",
                "1",
                "x",
                "OS ",
                "_",
                ",",
                '"',
                " ",
                "iPhone",
                "Mobile",
            ]
        )
    ).map("".join)
)
def test_coarsening_settles_at_once(text):
    once = coarsen(text)
    assert coarsen(once) == once


@pytest.mark.parametrize(
    "piece", ["a.", "Android;(", "Build/", "1.", "iPhone1", "CPU OS 1_", "Mac OS X 10_", "((", "a/", "http://"]
)
def test_hostile_user_agents_are_read_in_one_pass(piece):
    text = piece * (200_000 // len(piece))
    assert len(coarsen(text)) <= len(text)


KINDS_OF_NUMBERS = [  # the words of a key, a number, and what is left of it
    ("viewport window inner client page document body color colour depth bits", "1366", "1366"),
    ("ratio density dpr scale zoom", "1.3125", "1.5"),
    ("memory ram concurrency cores cpu cpus processors threads", "12", "16"),
    ("screen resolution display width height avail outer", "1366", "1360"),
    ("memory", "0", "0"),
    ("memory", "-8", "0"),
    ("memory", "0.1", "0.25"),
    ("version", "156.0.1", "156.0.0"),
]


@pytest.mark.parametrize(("words", "literal", "left"), KINDS_OF_NUMBERS)
def test_each_word_of_a_key_says_what_becomes_of_its_number(words, literal, left):
    assert {word: coarsen_number(literal, (word,)) for word in words.split()} == dict.fromkeys(words.split(), left)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Shop/iPhone14,3", "Shop/iPhone"),
        ("AppleWebKit/537.36 Safari/537.36-annes", "AppleWebKit/537.36 Safari/537.0"),
        ("Mozilla/5.0 (Linux; Android 14; SM-S918B; a model; wv)", "Mozilla/5.0 (Linux; Android 14; K; wv)"),
        ("Mozilla/5.0 (Linux; Android 14; K; SM-S918B)", "Mozilla/5.0 (Linux; Android 14; K)"),
    ],
)
def test_a_model_goes_wherever_it_stands(text, left):
    assert coarsen(text) == left
