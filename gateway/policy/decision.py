"""May this request be recorded? The one place that says no, before anything of the request is read, masked or kept.

Decides on the fields as they came: whatever a proxy strips later (a `Connection: Sec-GPC`, say) is still seen here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.core.message import Inbound
from gateway.policy.consent import NO_SIGNAL, Answer, Consent
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


class Recording(StrEnum):
    """What becomes of a visit, as counts name it."""

    RECORDED = "recorded"
    RESTRICTED = "restricted"  # under the rules for visitors without consent
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of a request. `signal` is what decided, a word of a closed list: never a value of a request."""

    objection: Objection | None = None
    signal: str = NO_SIGNAL
    consented: bool = True

    @property
    def recording(self) -> Recording:
        """What becomes of the visit."""
        if self.objection is not None:
            return Recording.NOT_RECORDED
        return Recording.RECORDED if self.consented else Recording.RESTRICTED


def decide(
    inbound: Inbound,
    opt_out: OptOut,
    *,
    record: bool = True,
    record_mobile: bool = True,
    consent: Consent | None = None,
    records_unasked: bool = False,
) -> Decision:
    """Whether this request may go on to masking, and by which signal.

    `records_unasked`: rules say how visitors are recorded who must be asked first and have not answered.
    """
    objection = _objection(inbound, opt_out, record=record, record_mobile=record_mobile)
    if objection is not None:
        return Decision(objection, objection.value)
    if consent is None:
        return Decision()
    answer, signal = consent.hear(inbound)
    match answer:
        case Answer.REFUSED:
            return Decision(Objection.REFUSED, signal)
        case Answer.MISSING if records_unasked:
            return Decision(None, signal, consented=False)
        case Answer.MISSING:
            return Decision(Objection.NO_CONSENT, signal)
        case Answer.GIVEN:
            return Decision(None, signal)


def _objection(inbound: Inbound, opt_out: OptOut, *, record: bool, record_mobile: bool) -> Objection | None:
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
    return None
