"""Secret keys of well-known services, by the prefix that each gives its keys, and the `name_live_…` form of the others.

Public keys that pages are meant to carry (publishable, project and measurement keys) are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector

# service → what its keys look like; every repetition is bounded
FORMS: Final = {
    "Stripe, Clerk": r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,250}",
    "AWS": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",
    "GitHub": r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",
    "GitLab": r"gl(?:pat|ptt|dt|rt|soat|cbt|ft|agent)-[A-Za-z0-9_.-]{20,255}",
    "Slack": r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-\d-[A-Za-z0-9-]{10,255}",
    "Slack web hook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{20,128}",
    "Google": r"AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{20,64}|ya29\.[A-Za-z0-9_-]{20,512}",
    "OpenAI, Anthropic": r"sk-(?:proj|ant|svcacct|admin|or)-[A-Za-z0-9_-]{20,255}"
    r"|sk-(?=[A-Za-z0-9]{0,47}\d)[A-Za-z0-9]{32,64}",
    "Groq, xAI, Replicate": r"gsk_[A-Za-z0-9]{40,64}|xai-[A-Za-z0-9]{60,100}|r8_[A-Za-z0-9]{36,40}",
    "Hugging Face": r"hf_[A-Za-z0-9]{30,64}",
    "SendGrid": r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",
    "Mailgun": r"key-[0-9a-f]{32}",
    "Mailchimp": r"[0-9a-f]{32}-us\d{1,2}",
    "Twilio": r"(?:SK|AC)[0-9a-f]{32}",
    "npm": r"npm_[A-Za-z0-9]{36}",
    "PyPI": r"pypi-[A-Za-z0-9_-]{40,255}",
    "RubyGems": r"rubygems_[0-9a-f]{48}",
    "Docker": r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,64}",
    "Shopify": r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}",
    "Square": r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,64}|(?<![A-Za-z0-9+/=_-])EAAA[A-Za-z0-9_-]{60,64}(?![A-Za-z0-9+/=_-])",
    "DigitalOcean": r"do[opr]_v1_[a-f0-9]{64}",
    "Heroku": r"HRKU-[A-Za-z0-9_-]{30,80}",
    "PostHog (personal)": r"ph[xs]_[A-Za-z0-9]{30,64}",
    "Sentry (user, organisation)": r"sntry[su]_[A-Za-z0-9+/=_]{40,255}",
    "Datadog, New Relic": r"NRAK-[A-Z0-9]{27}|dd[ap]p?_[A-Za-z0-9]{34,40}",
    "Grafana": r"gl(?:c|sa)_[A-Za-z0-9+/=_]{30,255}",
    "Linear, Figma, Notion": r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}|figd_[A-Za-z0-9_-]{30,64}|ntn_[A-Za-z0-9]{40,60}",
    "Postman": r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",
    "Vault, Terraform": r"hvs\.[A-Za-z0-9_-]{20,255}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,100}",
    "Supabase, Vercel": r"sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,64}",
    "Razorpay": r"rzp_(?:live|test)_[A-Za-z0-9]{14,24}",
    "Telegram": r"(?<!\d)\d{8,10}:AA[A-Za-z0-9_-]{33}",
    "Age": r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
    "web hook secrets": r"whsec_[A-Za-z0-9+/=]{24,88}",
    "any": r"(?:sk|rk|secret|token|key|apikey)_(?:live|test|prod|production|sandbox)_[A-Za-z0-9]{12,250}",
}
_KEY: Final = re.compile("|".join(FORMS.values()))
# What each form begins with (or holds), for a quick look
_PREFIX: Final = re.compile(
    r"_(?:live|test|prod|production|sandbox)_|A(?:KIA|SIA|BIA|CCA)|gh[pousr]_|github_pat_|gl[a-z]{1,5}[-_]|xox|xapp-"
    r"|hooks\.slack|AIza|GOCSPX|ya29|sk-|gsk_|xai-|r8_|hf_|SG\.|key-|-us\d|SK[0-9a-f]|AC[0-9a-f]|npm_|pypi-|rubygems_"
    r"|dckr_|shp|sq0|EAAA|do[opr]_v1|HRKU|ph[xs]_|sntry|NRAK|dd[ap]p?_|lin_|figd_|ntn_|PMAK|hvs\.|atlasv1|sbp_|sb_secret"
    r"|:AA|AGE-SECRET|whsec_"
)
# the same as plain text, each as long as it goes, with how many signs follow at least
_BEGINNINGS: Final = (
    ("_live_", 10), ("_test_", 10), ("_prod_", 12), ("_production_", 12), ("_sandbox_", 12), ("AKIA", 16), ("ASIA", 16),
    ("ABIA", 16), ("ACCA", 16), ("ghp_", 30), ("gho_", 30), ("ghu_", 30), ("ghs_", 30), ("ghr_", 30), ("github_pat_", 22),
    ("glpat-", 20), ("glptt-", 20), ("gldt-", 20), ("glrt-", 20), ("glsoat-", 20), ("glcbt-", 20), ("glft-", 20),
    ("glagent-", 20), ("glc_", 30), ("glsa_", 30), ("xox", 12), ("xapp-", 12), ("hooks.slack.com/", 20), ("AIza", 35),
    ("GOCSPX-", 20), ("ya29.", 20), ("sk-", 23), ("gsk_", 40), ("xai-", 60), ("r8_", 36), ("hf_", 30), ("SG.", 33),
    ("key-", 32), *((f"-us{digit}", 0) for digit in range(10)), ("SK", 32), ("AC", 32), ("npm_", 36), ("pypi-", 40),
    ("rubygems_", 48), ("dckr_", 24), ("shpat_", 32), ("shpca_", 32), ("shppa_", 32), ("shpss_", 32), ("sq0atp-", 22),
    ("sq0csp-", 22), ("EAAA", 60), ("doo_v1_", 64), ("dop_v1_", 64), ("dor_v1_", 64), ("HRKU-", 30), ("phx_", 30),
    ("phs_", 30), ("sntrys_", 40), ("sntryu_", 40), ("NRAK-", 27), ("dda", 35), ("ddp", 35), ("lin_", 36), ("figd_", 30),
    ("ntn_", 40), ("PMAK-", 59), ("hvs.", 20), ("atlasv1.", 60), ("sbp_", 40), ("sb_secret_", 20), (":AA", 33),
    ("AGE-SECRET-KEY-1", 58), ("whsec_", 24),
)  # fmt: skip


def _hint(text: str) -> bool:
    return _PREFIX.search(text) is not None


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _KEY.finditer(text):
        yield match.span()


DETECTOR: Final = Detector(name="api_key", title="API key", label="key", hint=_hint, find=_find, literals=_BEGINNINGS)
