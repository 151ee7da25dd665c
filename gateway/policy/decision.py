"""May this request be recorded? The one place that says no, before anything of the request is read, masked or kept.

Decides on the fields as they came: whatever a proxy strips later (a `Connection: Sec-GPC`, say) is still seen here.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.core.message import Inbound
from gateway.policy.consent import Answer, Consent
from gateway.policy.devices import is_mobile
from gateway.policy.signals import OptOut, has_opt_out_cookie, has_signal


class Objection(StrEnum):
    """Why a visitor is not recorded. The value is the word that logs and metrics use."""

    RECORD_OFF = "record_off"  # the route's emergency stop
    COOKIE = "opt_out_cookie"
    GPC = "gpc"
    DNT = "dnt"
    MOBILE = "mobile"
    REFUSED = "consent_refused"  # in a consent tool's signal
    NO_CONSENT = "no_consent"  # where consent is required


def decide(
    inbound: Inbound,
    opt_out: OptOut,
    *,
    record: bool = True,
    record_mobile: bool = True,
    consent: Consent | None = None,
) -> Objection | None:
    """Why this request must not be recorded, or None where it may go on to masking."""
    if not record:
        return Objection.RECORD_OFF
    if has_opt_out_cookie(inbound.headers, opt_out.cookies):
        return Objection.COOKIE
    if opt_out.gpc and has_signal(inbound.headers, "Sec-GPC"):
        return Objection.GPC
    if opt_out.dnt and has_signal(inbound.headers, "DNT"):
        return Objection.DNT
    if not record_mobile and is_mobile(inbound.headers):
        return Objection.MOBILE
    if consent is not None:
        match consent.ask(inbound):
            case Answer.REFUSED:
                return Objection.REFUSED
            case Answer.MISSING:
                return Objection.NO_CONSENT
            case Answer.GIVEN:
                pass
    return None
