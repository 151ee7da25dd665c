"""A path is shown by the tracker file's word for it, and by nothing of its own."""

import pytest

from gateway import config
from gateway.trackers.loading import load_trackers
from gateway.trackers.shape import Shapes

TRACKERS = load_trackers(config.tracker_paths(), config.read_text)


@pytest.mark.parametrize(
    ("tracker", "path", "shape"),
    [
        ("posthog", "/e/", "/e/"),
        ("sentry", "/api/4501234567890123/envelope/", "/api/*/envelope/"),
        ("posthog", "/jane.doe@example.com/", ""),
        ("posthog", "", ""),
    ],
)
def test_a_path_has_its_trackers_shape(tracker, path, shape):
    assert Shapes([TRACKERS[tracker]]).of(path) == shape


def test_no_path_is_shown_as_it_came():
    shapes = Shapes(TRACKERS.values())
    for hostile in ("/api/jane.doe@example.com/envelope/", "/%3Cscript%3E", "/" + "a/" * 4000, "/api/*/envelope/x"):
        assert "jane" not in shapes.of(hostile)
        assert shapes.of(hostile) == "" or shapes.of(hostile) != hostile


def test_no_tracker_has_no_shape():
    assert Shapes().of("/e/") == ""
