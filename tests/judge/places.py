"""What a place in recorded traffic holds, by the judge's own reading of the trackers' formats: which values the default rules
are meant to change, and which must come through untouched.

A table of names, compared without case and punctuation. It knows nothing of the gateway's tracker files; where the two
disagree, one of them is wrong, and the report shows the place.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.judge.decoder import Leaf, Place


def words(text: str) -> tuple[str, ...]:
    """A list of names, as a line reads best."""
    return tuple(text.split())


# the classes that the default rules may change as they like
EXEMPT = ("form", "private", "traits", "device", "agent", "network", "switch", "media", "length", "location")

TRAIT_NAMES = frozenset(
    words(
        "user usr enduser traits userid useremail username userobject useridentifier useridentity uid email enduserid"
        " userproperties personproperties groupproperties set setonce groups cvar usermeta useraccount username"
        " groupkey groupid initialreferrer sessionreplayuser"
    )
)
DEVICE_NAMES = frozenset(
    words(
        "deviceid distinctid anondistinctid anonymousid duid nuid tnuid clientid visitorid useruuid fingerprint uuidcookie"
        " sessionreplayid amplitudesessionreplayid cid aiuser did mpdeviceid profileid deviceuuid machineid browserid"
        " aid stableid aiuserid aideviceid useranonymousid"
    )
)
AGENT_NAMES = frozenset(
    words(
        "useragent rawuseragent secchua uadata useragentdata brands brand screen screenwidth screenheight viewport"
        " viewportwidth viewportheight screensize screenresolution res resolution vp ds documentsize hardwareconcurrency"
        " devicememory colordepth cd devicepixelratio browserversion osversion platformversion fullversionlist formfactors"
        " model os browser browsername osname devicemodel devicemanufacturer devicefamily cpucores architecture platform"
        " jsheapsizelimit architecture bitness uafullversion ua amplitudeviewportheight amplitudeviewportwidth pixelratio"
        " useragentoriginal browserversionmajor device rawuseragentdata availwidth availheight sr sh sw dpr"
    )
)
NETWORK_NAMES = frozenset(
    words(
        "requestheaders responseheaders requestbody responsebody requestresponsepairs httprequestbody httpresponsebody"
        " headers body requestdata responsedata requestpayload responsepayload"
    )
)
NETWORK_FIELD = re.compile(r"http(?:request|response)(?:header.*|body)")
# lines of the page's own source beside an error: inline scripts hold what the server wrote for one visitor
SOURCE_LINES = (
    ("stacktrace", "code"),
    ("frames", "code"),
    ("script", "content"),
    ("websocketevents", "message"),  # and what went over a web socket
    ("frames", "contextline"),
    ("frames", "precontext"),
    ("frames", "postcontext"),
)
FORM_NAMES = frozenset(
    words("value checked selected ischecked selectedoptionids inputvalue elementvalue textareavalue")
)
SWITCH_NAMES = frozenset(words("ip ipaddress inferip useip geoip clientip userip"))
LENGTH_NAMES = frozenset(
    words("snapshotbytes length decompressedbytes contentlength rawsegmentsize compressedsegmentsize")
)
LOCATION_NAMES = frozenset(words("latitude longitude city region postcode postalcode lat lon lng"))

# names of structure: whatever text stands there belongs to the format, the session or the customer's project
STRUCTURE_NAMES = frozenset(
    words(
        "type event tagname source plugin tag op schema eventtype nodename method level kind library lib version release"
        " environment format category initiatortype entrytype operationname query name_source unit domain"
    )
)
IDENTIFIER = re.compile(r"(?:id|ids|key|keys|token|uuid|guid)$")

# texts of the recorded page that stand in a form field, an option or below a private element, and can't be told by name
PAGE_FORM_TEXTS = frozenset({"a", "x", "on"})
PRIVATE_MARKS = frozenset({"dataprivate", "datasl"})  # attributes of a private element are masked, its marks with them
MASKED_BY_SDK = re.compile(r"[\s*]*\*[\s*]*")
TEXT_NAMES = frozenset({"textcontent", "value", "text", "html"})

STEP = re.compile(r"\[\d+\]|<.*>|\{key\}|\*\d+")
NUMBERED = re.compile(r"#\d+$")
UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\w{3}, \d\d \w{3} \d{4} .*")
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
HEX = re.compile(r"(?:[0-9a-f]{2}){4,}", re.IGNORECASE)


@lru_cache(maxsize=20_000)
def plain(name: str) -> str:
    """A name without case and punctuation; `userEmail`, `user_email` and `$user-email` are one."""
    return re.sub(r"[^a-z0-9]", "", NUMBERED.sub("", name).lower())


@lru_cache(maxsize=200_000)
def names_of(place: Place) -> tuple[str, ...]:
    """The names on the way to a place inside the body, query or header, without list positions and layers."""
    return tuple(plain(step) for step in place[1:] if not STEP.fullmatch(step))


def collapse(place: Place) -> str:
    """A place for people: positions and repeated nesting left out."""
    text = "/".join(re.sub(r"\[\d+\]", "[]", re.sub(r"<(\w+) \d+>", r"<\1>", step)) for step in place)
    return re.sub(r"(?:childNodes/\[\]/)+", "childNodes../", text)


def effective_names(leaf: Leaf, index: Mapping[Place, str]) -> tuple[str, ...]:
    """As `names_of`, but where values stand in records beside their names, those names take the place of `value`.

    Read are `{key: N, value: {stringValue: V}}`, `{name: N, value: V}` and `N: {value: V, type: T}`, also around the layers
    that a value holds.
    """
    place = leaf.place
    found: list[str] = []
    for at, step in enumerate(place[1:], 1):
        if STEP.fullmatch(step):
            continue
        word = plain(step)
        beside = None
        if word.endswith("value"):
            if (*place[:at], "type") in index and at > 1:
                continue
            records = (place[:at], place[: at - 1])
            beside = next((index[(*r, n)] for r in records for n in ("key", "name") if (*r, n) in index), None)
        found.append(plain(beside) if beside else word)
    return tuple(found)


def is_device(last: str, place: Place) -> bool:
    """Whether an id of the device stands there; two trackers have a name for it that says nothing elsewhere."""
    return last in DEVICE_NAMES or place[-1] == "_id" or place[-2:] in {("variables", "id"), ("device", "id")}


def classify(leaf: Leaf, index: Mapping[Place, str]) -> str:
    """The class of a value: one of EXEMPT, or `url`, `exact` (never touched) or `text` (kept, but for what detectors find)."""
    names = effective_names(leaf, index)
    last = names[-1] if names else ""
    inside = set(names)
    raw = names_of(leaf.place)
    text = leaf.text
    if inside & NETWORK_NAMES or any(NETWORK_FIELD.fullmatch(name) for name in names):
        return "network"
    if any(one in inside and other in inside for one, other in SOURCE_LINES):
        return "network"
    if last in SWITCH_NAMES or last.endswith("ipaddress"):
        return "switch"
    if last in LENGTH_NAMES or leaf.place == ("query", "batch"):
        return "length"
    if is_device(last, leaf.place):
        return "device"
    if _is_form(leaf, raw, index):
        return "form"
    if inside & TRAIT_NAMES or re.fullmatch(r"dimension\d+", last):
        return "traits"
    if last in AGENT_NAMES or inside & {"uadata", "useragentdata", "brands", "screen"}:
        return "agent"
    if last in LOCATION_NAMES:
        return "location"
    if text.startswith(("data:", "blob:")):
        return "media"
    if leaf.kind != "string":
        return "exact"
    if text.lower() in PAGE_FORM_TEXTS and last in TEXT_NAMES:
        return "private"
    if MASKED_BY_SDK.fullmatch(text) or (last in PRIVATE_MARKS and "attributes" in inside):
        return "private"
    if "://" in text or text.startswith(("/", "?", "#/")):
        return "url"
    if last in STRUCTURE_NAMES or (IDENTIFIER.search(last) and " " not in text):
        return "exact"
    if any(shape.fullmatch(text) for shape in (NUMBER, MOMENT, UUID, HEX)):
        return "exact"
    return "text"


def _is_form(leaf: Leaf, raw: tuple[str, ...], index: Mapping[Place, str]) -> bool:
    last = raw[-1] if raw else ""
    record = leaf.place[:-1]
    if (
        leaf.place[-1].startswith("input:")
        or last in {"ischecked", "selectedoptionids", "contentname"}
        or re.fullmatch(r"(attr)+value", last)
    ):
        return True
    if last == "text":
        return index.get((*record, "source")) == "5" or (*record, "isChecked") in index
    if last in FORM_NAMES:
        in_attributes = len(raw) > 1 and raw[-2] == "attributes"
        return in_attributes or any((*record, step) in index for step in ("nodeName", "elementId", "elementType"))
    return False
