"""TC and GPP strings: what they say, written here by an encoder of the test's own; and every way of being cut or garbled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.tcf import gpp_consents, purposes_consented, usp_opted_out

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def text_of(bits: str) -> str:
    bits += "0" * (-len(bits) % 8)  # whole bytes first
    bits += "0" * (-len(bits) % 6)
    return "".join(DIGITS[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def number(value: int, size: int) -> str:
    return f"{value:0{size}b}"


def fibonacci(value: int) -> str:
    """Fibonacci coding, by the greedy sum."""
    row = [1, 2]
    while row[-1] <= value:
        row.append(row[-1] + row[-2])
    bits = []
    for one in reversed(row[:-1]):
        bits.append("1" if one <= value else "0")
        value -= one if one <= value else 0
    return "".join(reversed(bits)).rstrip("0") + "1"


def vendors(given, most, *, ranges):
    if not ranges:
        return number(most, 16) + "0" + "".join("1" if vendor in given else "0" for vendor in range(1, most + 1))
    singles = "".join("0" + number(vendor, 16) for vendor in sorted(given))
    return number(most, 16) + "1" + number(len(given) + 1, 12) + singles + "1" + number(1, 16) + number(most, 16)


def tc_string(purposes, *, version=2, ranges=False, restrictions=0):
    head = number(version, 6) + number(15_000_000_000, 36) * 2 + number(31, 12) + number(2, 12) + number(1, 6)
    head += number(4, 6) + number(13, 6) + number(126, 12) + number(4, 6) + "10" + "0" * 12
    consented = "".join("1" if purpose in purposes else "0" for purpose in range(1, 25))
    rest = "1" * 24 + "0" + number(0, 12) + vendors({2, 9}, 40, ranges=ranges) + vendors(set(), 0, ranges=False)
    told = number(restrictions, 12) + (number(3, 6) + "01" + number(1, 12) + "0" + number(7, 16)) * restrictions
    return text_of(head + consented + rest + told)


def gpp_string(sections):
    ids, bits, last = sorted(sections), "", 0
    for one in ids:
        bits += "0" + fibonacci(one - last)
        last = one
    header = text_of(number(3, 6) + number(1, 6) + number(len(ids), 12) + bits)
    return "~".join([header, *(sections[one] for one in ids)])


def us_section(fields, *, gpc=None):
    core = text_of(number(1, 6) + "".join(number(value, 2) for value in fields) + "0" * 30)
    return core if gpc is None else f"{core}.{text_of('01' + str(int(gpc)))}"


@given(st.sets(st.integers(1, 24)), st.booleans(), st.integers(0, 3))
def test_purposes_are_read(purposes, ranges, restrictions):
    text = tc_string(purposes, ranges=ranges, restrictions=restrictions)
    assert purposes_consented(text) == purposes
    assert purposes_consented(f"{text}.IF{text[:5]}") == purposes


def test_a_published_string_is_read():
    """From the TCF's own example of a core string: no purpose consented, no vendor."""
    assert purposes_consented("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA") == frozenset()


@pytest.mark.parametrize("ranges", [False, True])
def test_a_string_cut_anywhere_is_malformed(ranges):
    text = tc_string({1, 8}, ranges=ranges, restrictions=2)
    for size in range(len(text) - 2):  # the last ones may hold padding alone
        with pytest.raises(ValueError, match=r"cut short|version"):
            purposes_consented(text[:size])


@pytest.mark.parametrize(
    "text", ["", "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA", tc_string({1}, version=3), "C+/=", "Ç" * 40, "C" * 3]
)
def test_what_is_no_tc_string_of_version_2_is_malformed(text):
    with pytest.raises(ValueError, match=r".+"):
        purposes_consented(text)


@given(st.sets(st.sampled_from([2, 6, 7, 8, 12]), min_size=1))
def test_sections_of_a_gpp_string_are_told_apart(ids):
    not_opted_out = us_section([2] * 12)
    texts = {2: tc_string({1, 8}), 6: "1YNN", 7: not_opted_out, 8: not_opted_out, 12: not_opted_out}
    opted_out, given_purposes = gpp_consents(gpp_string({one: texts[one] for one in ids}))
    assert opted_out is False
    assert given_purposes == ({1, 8} if 2 in ids else None)


# published strings of the sections' own test data: California and Connecticut
@pytest.mark.parametrize(
    ("text", "opted_out"),
    [
        ("DBABVg~BVVVVVVg.YA", True),
        ("DBABBg~BVqqqqpY.YA", True),
        ("DBABBg~BAAAAACA", False),
        ("DBABVg~BAAAAAEA", False),
    ],
)
def test_published_us_strings_are_read(text, opted_out):
    assert gpp_consents(text) == (opted_out, None)


@pytest.mark.parametrize(
    ("section", "at"),
    [
        *((7, at) for at in (6, 7, 8)),
        *((8, at) for at in (3, 4)),
        *((11, at) for at in (4, 5)),
        *((22, at) for at in (3, 4)),
    ],
)
def test_each_opt_out_of_a_us_section_counts(section, at):
    fields = [2] * 12
    assert gpp_consents(gpp_string({section: us_section(fields)}))[0] is False
    fields[at] = 1
    assert gpp_consents(gpp_string({section: us_section(fields)}))[0] is True


def test_global_privacy_control_in_a_section_counts():
    assert gpp_consents(gpp_string({7: us_section([2] * 12, gpc=True)}))[0] is True
    assert gpp_consents(gpp_string({7: us_section([2] * 12, gpc=False)}))[0] is False


@pytest.mark.parametrize(
    "text",
    ["", "~", "DBABBg", "DBABBg~", "DBABBg~B", "CBABBg~BAAAAACA", "DBABBg~BAAAAACA~B", "DBAB" + "_" * 20, "D~" * 99],
)
def test_what_is_no_gpp_string_is_malformed(text):
    with pytest.raises(ValueError, match=r".*"):
        gpp_consents(text)


@pytest.mark.parametrize(("text", "opted_out"), [("1YNN", False), ("1YYN", True), ("1---", False), ("1nyn", True)])
def test_us_privacy_strings_are_read(text, opted_out):
    assert usp_opted_out(text) is opted_out


@pytest.mark.parametrize("text", ["", "1YN", "2YNN", "1YNNN", "1XYN"])
def test_what_is_no_us_privacy_string_is_malformed(text):
    with pytest.raises(ValueError, match="US Privacy"):
        usp_opted_out(text)
