"""The categories of data: what a field holds. Tracker files map fields to them, rule files map them to operators."""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """A closed list, fixed by the contract with users."""

    FORM_INPUTS = "form_inputs"
    PAGE_TEXT = "page_text"
    URLS = "urls"
    IP_ADDRESSES = "ip_addresses"
    DEVICE_IDS = "device_ids"
    USER_TRAITS = "user_traits"
    EVENT_PROPERTIES = "event_properties"
    DATA_LOGS = "data_logs"
    LOCATION = "location"
    USER_AGENT = "user_agent"
    MEDIA = "media"
    PROJECT_KEYS = "project_keys"
    STRUCTURE = "structure"


NEVER_TOUCHED = frozenset({Category.PROJECT_KEYS, Category.STRUCTURE})
