"""rrweb events as a recorder sends them, for tests: a small page and what happens on it."""

from __future__ import annotations

from typing import Any

TIME = 1795500188189


def event(kind: int, data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data, "timestamp": TIME}


def text(node_id: int, content: str) -> dict[str, Any]:
    return {"type": 3, "textContent": content, "id": node_id}


def element(node_id: int, tag: str, *children: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """An element; `class_` is class, and `_` in a name is `-`."""
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return {"type": 2, "tagName": tag, "attributes": named, "childNodes": list(children), "id": node_id}


def document(*children: dict[str, Any], node_id: int = 1) -> dict[str, Any]:
    return {"type": 0, "childNodes": list(children), "id": node_id}


def snapshot(*children: dict[str, Any]) -> dict[str, Any]:
    """A full snapshot of a page whose body (id 3) holds these nodes."""
    page = document(element(2, "html", element(3, "body", *children)))
    return event(2, {"node": page, "initialOffset": {"left": 0, "top": 0}})


def add(parent: Any, node: dict[str, Any], following: Any = None) -> dict[str, Any]:
    return {"parentId": parent, "nextId": following, "node": node}


def mutation(**lists: Any) -> dict[str, Any]:
    return event(3, {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [], **lists})


def texts(node_id: Any, value: Any) -> dict[str, Any]:
    return mutation(texts=[{"id": node_id, "value": value}])


def changed(node_id: Any, **attributes: Any) -> dict[str, Any]:
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    return mutation(attributes=[{"id": node_id, "attributes": named}])


def typed(node_id: Any, value: Any, **more: Any) -> dict[str, Any]:
    return event(3, {"source": 5, "text": value, "isChecked": False, "id": node_id, **more})


def batch(*events: Any, session: str = "session-1", window: str = "window-1") -> dict[str, Any]:
    return {"sessionId": session, "windowId": window, "events": list(events)}
