"""Framing is strict: what two readers could cut differently is not read."""

import pytest

from gateway.core.limits import Budget, Limits
from gateway.formats.multipart import MULTIPART


@pytest.mark.parametrize(
    "source",
    [
        b"--B\r\n--B--\r\n",
        b"--B\r\nX: y\r\n\r\na\r\n--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n--Bx\r\n--B--',
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n--B--\r\nmore',
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n',
        b"-- \r\n",
    ],
)
def test_broken_multipart_is_none(source):
    assert MULTIPART.parse(source, Budget(Limits(), lambda: 0.0)) is None
