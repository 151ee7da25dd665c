"""Writes OpenReplay's batches, for tests: the bytes of numbers, strings, messages and a batch's head."""


def number(value):
    out = b""
    while value > 127:
        out += bytes([value % 128 + 128])
        value //= 128
    return out + bytes([value])


def string(text):
    data = text.encode()
    return number(len(data)) + data


def message(kind, *fields):
    payload = b"".join(fields)
    return number(kind) + len(payload).to_bytes(3, "little") + payload


def batch(*messages, url="https://shop.example/", first=0):
    return bytes([81, 1, 0]) + number(first) + number(7) + string(url) + b"".join(messages)


def entry(key, text):
    return message(34, number(key), string(text))


def name_value(node, name, value):
    return message(35, number(node), number(name), number(value))


def element(node, parent, tag, index=0, **attributes):
    """An element with its attributes, written in full."""
    made = message(8, number(node), number(parent), number(index), string(tag), b"\x00")
    return made + b"".join(attribute(node, name.replace("_", "-"), value) for name, value in attributes.items())


def attribute(node, name, value):
    return message(12, number(node), string(name), string(value))


def text(node, parent, content, index=0):
    return message(9, number(node), number(parent), number(index)) + message(14, number(node), string(content))


def typed(node, value):
    return message(18, number(node), string(value), b"\x00")


DOCUMENT = message(7)
TAB = message(118, string("tab1"))
