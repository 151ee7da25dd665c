"""A recorded page that was made to run or to fetch something does neither where it is looked at, and each wall holds alone.

One server counts what is asked of it. The same hostile content is shown in a frame five ways: bare (it runs and fetches, or
this test would prove nothing), behind the sandbox alone, behind the headers alone, written anew by the gateway with no other
wall, and with all of them.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from gateway.insight.markup import HEADERS
from tests.insight.rebuilding import seen
from tests.recording import page as rrweb

from .processes import next_line, node, program

RUN = "top.ran.push({0}),console.log('ran {0}'),alert({0}),fetch('{1}/hit/ran-{0}')"
OUTER = "<!doctype html><title>outer</title><script>window.ran=[]</script><iframe name=hostile width=900 height=700 src=frame {}></iframe>"


def markup_of(origin):
    """What runs or fetches where nothing stops it: HTML, as a recorder would have seen it."""
    run = [RUN.format(at, origin) for at in range(40)]
    hit = f"{origin}/hit"
    return f"""
<script>{run[0]}</script><script src="{hit}/script.js"></script><script type="module">{run[1]}</script>
<img src="{hit}/img" onerror="{run[2]}" srcset="{hit}/srcset 1x"><input type="image" src="{hit}/input-image">
<picture><source srcset="{hit}/source"><img alt=""></picture><body onload="{run[3]}" background="{hit}/body">
<svg onload="{run[4]}" width="90" height="20"><script>{run[5]}</script><use href="{hit}/use.svg#a"/><image href="{hit}/image"/>
<foreignObject><iframe src="{hit}/foreign"></iframe></foreignObject><animate attributeName="x" onbegin="{run[6]}" dur="1s"/>
<set attributeName="x" onbegin="{run[7]}"/><a xlink:href="javascript:{run[8]}"><text y="15">click</text></a>
<rect width="9" height="9" fill="url({hit}/fill.svg#a)"/><feImage href="{hit}/fe"/></svg>
<math><mtext><img src="{hit}/math" onerror="{run[9]}"></mtext></math>
<iframe srcdoc="&lt;script&gt;top.ran.push('srcdoc')&lt;/script&gt;&lt;img src={hit}/srcdoc&gt;"></iframe><iframe src="javascript:{run[10]}"></iframe>
<iframe src="{hit}/frame"></iframe><object data="{hit}/object"></object><embed src="{hit}/embed"><video src="{hit}/video" poster="{hit}/poster" autoplay></video>
<audio src="{hit}/audio" autoplay></audio><link rel="stylesheet" href="{hit}/link.css"><link rel="preload" as="image" href="{hit}/preload">
<style>@import "{hit}/import.css";@font-face{{font-family:x;src:url({hit}/font.woff)}}h1{{font-family:x}}
h1{{background:url({hit}/css)}}p{{background:image-set("{hit}/image-set" 1x)}}input[value^=s]{{background:url({hit}/attribute)}}
li{{list-style-image:url({hit}/list)}}b::before{{content:url({hit}/content)}}i{{background:\\75\\72\\6c({hit}/escaped)}}u{{--a:url({hit}/custom);background:var(--a)}}</style>
<h1>x</h1><p>x</p><ul><li>x</li></ul><b>x</b><i>x</i><u>x</u><input value="secret" autofocus onfocus="{run[11]}">
<div style="background:url({hit}/inline);height:9px"></div><details open ontoggle="{run[12]}"><summary>x</summary>y</details>
<marquee onstart="{run[13]}">x</marquee><a href="javascript:{run[14]}" style="position:fixed;inset:0;z-index:9">everywhere</a>
<template><img src="{hit}/template"></template><noscript><p title="</noscript><img src={hit}/noscript onerror=x>"></noscript>
<form action="{hit}/form" name="elementFromPoint"><button formaction="javascript:{run[15]}">send</button></form>
<table background="{hit}/table"><tr><td background="{hit}/td">x</table><meta http-equiv="refresh" content="1;url={hit}/refresh"><base href="{hit}/base/"><img src="relative">
"""


def recorded(origin):
    """The same as a recorder tells it, node by node; and what no HTML reader would ever have made."""
    nodes, number = [], iter(range(100, 100_000))

    def add(tag, *children, **attributes):
        return {"type": 2, "tagName": tag, "attributes": attributes, "id": next(number), "childNodes": list(children)}

    def text(content):
        return rrweb.text(next(number), content)

    hit = f"{origin}/hit"
    handlers = "onload onerror onclick onfocus onmouseover onpointerdown ontoggle onbegin onanimationstart".split()
    tags = (
        "script img iframe object embed video audio source link base meta style svg math input button form a body html div details "
        "marquee table template noscript textarea select use image foreignObject animate set frame frameset applet portal "
        "plaintext xmp noembed noframes title head annotation-xml x-y param area map slot dialog"
    ).split()
    addresses = "src href srcdoc data action formaction poster background srcset xlink:href cite ping manifest longdesc codebase archive".split()
    for at, tag in enumerate(tags):
        told = {name: RUN.format(at, origin) for name in handlers} | {name: f"{hit}/{tag}-{name}" for name in addresses}
        told |= {
            "style": f"background:url({hit}/{tag}-style);behavior:url({hit}/{tag}-htc)",
            "http-equiv": "refresh",
            "content": f"0;url={hit}/{tag}",
        }
        told |= {
            "rel": "stylesheet",
            "autofocus": "",
            "name": "elementFromPoint",
            "id": "dataset",
            "tabindex": "0",
            "contenteditable": "true",
        }
        nodes.append(
            add(
                tag,
                text(f"<script>{RUN.format(at, origin)}</script>"),
                text(f"--></{tag}><img src={hit}/{tag}-text onerror=x>"),
                **told,
            )
        )
        nodes.append(
            add(
                tag,
                text("x"),
                **(
                    told
                    | {
                        "href": f"javascript:{RUN.format(at, origin)}",
                        "src": f"data:text/html,<script>{RUN.format(at, origin)}</script>",
                    }
                ),
            )
        )
        nodes.append(
            add(
                "svg",
                add(tag, add("img", src=f"{hit}/svg-{tag}", onerror=told["onerror"]), **told),
                onload=told["onload"],
            )
        )
        nodes.append(
            add("math", add("mtext", add(tag, add("style", text(f"<img src={hit}/math-{tag} onerror=x>")), **told)))
        )
    nodes.append(add("style", text(markup_of(origin))))
    nodes.append(
        add(
            "style",
            _cssText=f"h1{{background:url({hit}/a)}}</style><script>{RUN.format(0, origin)}</script><style>@import '{hit}/b'",
        )
    )
    nodes.append(
        add(
            f"div><img src={hit}/tag onerror=x",
            **{f"a><img src={hit}/name onerror=x": "", "data-x": f'"><img src={hit}/value onerror=x>'},
        )
    )
    nodes += [text(markup_of(origin)), add("p", text("the last one stands"))]
    return rrweb.snapshot(*nodes)


class Server:
    """Serves what it is given, each with its headers, and counts everything else that is asked of it."""

    def __init__(self):
        self.pages, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = urlsplit(self.path).path
                page = outer.pages.get(path)
                if page is None and path != "/favicon.ico":
                    outer.asked.append((urlsplit(self.headers.get("Referer", "")).path, self.path))
                body, headers = page or ("", {})
                data = body.encode()
                self.send_response(200 if page else 404)
                for name, value in {
                    "Content-Type": "text/html; charset=utf-8",
                    "Content-Length": str(len(data)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


SANDBOX = 'sandbox="allow-same-origin"'
WAYS = {"bare": ("", {}), "sandbox": (SANDBOX, {}), "policy": ("", HEADERS)}


@pytest.fixture(scope="module")
def seen_in_chromium(packages, tmp_path_factory):
    """By way: what the browser told, and what was asked of the server meanwhile."""
    home = tmp_path_factory.mktemp("hostile")
    with Server() as server:
        shown = {
            name: ("<!doctype html><html><body>" + markup_of(f"{server.origin}/{name}"), *way)
            for name, way in WAYS.items()
        }
        for name, way in {"anew": ("", {}), "all": (SANDBOX, HEADERS)}.items():
            shown[name] = (seen(recorded(f"{server.origin}/{name}")).html, *way)
        for name, (html, frame, headers) in shown.items():
            server.pages[f"/{name}/frame"] = (html, headers)
            server.pages[f"/{name}/outer"] = (OUTER.format(frame), {})
        pages = {name: f"{server.origin}/{name}/outer" for name in shown}
        with node(
            "hostile.mjs", home, {"chromium": program("chromium"), "screenshots": str(home), "pages": pages}
        ) as process:
            told = next_line(process, home / "hostile.mjs.log")
        for name in shown:  # what was asked for in a page, or by one
            told[name]["asked"] = [
                asked for by, asked in server.asked if f"/{name}/" in (by[: len(name) + 2], asked[: len(name) + 2])
            ]
    return told


def test_bare_it_runs_and_fetches(seen_in_chromium):
    found = seen_in_chromium["bare"]
    assert len(found["ran"]) > 3
    assert found["dialogs"]
    assert len(set(found["asked"])) > 20


def test_the_sandbox_alone_lets_nothing_run(seen_in_chromium):
    found = seen_in_chromium["sandbox"]
    assert (found["ran"], found["dialogs"], found["said"], found["popups"]) == ([], [], [], 0)
    assert [path for path in found["asked"] if "/ran-" in path] == []


@pytest.mark.parametrize("way", ["policy", "anew", "all"])
def test_each_other_wall_alone_lets_nothing_run_and_nothing_be_fetched(way, seen_in_chromium):
    found = seen_in_chromium[way]
    assert found["asked"] == []
    assert (found["ran"], found["dialogs"], found["said"], found["popups"]) == ([], [], [], 0)
    assert found["kept"]
    assert found["nodes"] > 10


def test_what_was_written_anew_has_the_whole_page():
    html = seen(recorded("http://127.0.0.1:1")).html
    assert "the last one stands" in html
    assert json.dumps(html).isascii()
