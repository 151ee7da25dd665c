"""Fields keep their order, their spelling and their number; names are compared without case."""

from gateway.core.message import Headers, Inbound

FIELDS = Headers([("Accept", "a"), ("X-Id", "1"), ("accept", "b"), ("x-id", "2")])


def test_names_are_compared_without_case_and_kept_as_written():
    assert FIELDS.get("ACCEPT") == "a"
    assert FIELDS.get("none") == ""
    assert FIELDS.get("none", "x") == "x"
    assert FIELDS.all("x-ID") == ["1", "2"]
    assert "X-iD" in FIELDS
    assert "X-i" not in FIELDS
    assert 1 not in FIELDS
    assert [name for name, _ in FIELDS] == ["Accept", "X-Id", "accept", "x-id"]
    assert len(FIELDS) == 4


def test_a_field_goes_with_all_its_namesakes():
    assert list(FIELDS.without("X-ID")) == [("Accept", "a"), ("accept", "b")]
    assert list(FIELDS.without("x-id", "Accept")) == []
    assert list(FIELDS.without()) == list(FIELDS)


def test_a_replaced_field_stands_once_at_the_first_place_with_its_name_as_it_was():
    assert list(FIELDS.replaced("x-ID", "3")) == [("Accept", "a"), ("X-Id", "3"), ("accept", "b")]
    assert list(FIELDS.replaced("New", "n")) == [*FIELDS, ("New", "n")]


def test_equal_fields_are_equal_and_no_value_is_shown():
    assert Headers(list(FIELDS)) == FIELDS
    assert hash(Headers(list(FIELDS))) == hash(FIELDS)
    assert Headers() != FIELDS
    assert list(FIELDS) != FIELDS
    assert repr(Headers([("Cookie", "secret")])) == "Headers(['Cookie'])"


def test_a_target_is_split_at_its_first_question_mark():
    for target, path, query in (("/a/b?c=d?e", "/a/b", "c=d?e"), ("/a", "/a", ""), ("/a?", "/a", "")):
        inbound = Inbound("GET", target, Headers())
        assert (inbound.path, inbound.query) == (path, query)
