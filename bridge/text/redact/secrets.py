"""Credentials: tokens of known services by their published prefixes, keys, and values that their field calls secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bridge.text.redact.kinds import KEY, SECRET, Span

_W = r"[0-9A-Za-z_\-]"
_TOKEN: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    + "|".join(
        (
            r"gh[opsur]_[0-9A-Za-z]{30,255}|github_pat_\w{22,255}",  # GitHub
            rf"gl(?:pat|ptt|dt|rt|soat|cbt|ft|agent|imt|oas|ffct)-{_W}{{20,64}}",  # GitLab
            r"xox[abeoprs]-[0-9A-Za-z\-]{10,255}|xapp-[0-9]-[0-9A-Za-z\-]{10,255}",  # Slack
            r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])",  # Amazon Web Services
            rf"AIza{_W}{{35}}|ya29\.{_W}{{20,255}}|GOCSPX-{_W}{{20,64}}",  # Google
            r"[rsp]k_(?:live|test)_[0-9A-Za-z]{10,255}|whsec_[0-9A-Za-z]{20,64}",  # Stripe
            rf"sk-(?:proj-|svcacct-|ant-[a-z0-9]+-)?{_W}{{20,255}}",  # OpenAI, Anthropic
            rf"SG\.{_W}{{16,32}}\.{_W}{{16,64}}",  # SendGrid
            r"(?:SK|AC)[0-9a-f]{32}(?![0-9A-Za-z])",  # Twilio
            r"npm_[0-9A-Za-z]{36}|pypi-[0-9A-Za-z_\-]{50,255}|rubygems_[0-9a-f]{48}|dckr_pat_[0-9A-Za-z_\-]{20,64}",  # package registries
            rf"ATATT3{_W}{{50,255}}(?:=[0-9A-F]{{8}})?|ATCTT3{_W}{{50,255}}",  # Atlassian
            r"do[opr]_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|hf_[0-9A-Za-z]{30,64}",  # DigitalOcean, Shopify, Hugging Face
            rf"lin_(?:api|oauth)_[0-9A-Za-z]{{30,64}}|ntn_[0-9A-Za-z]{{40,64}}|figd_{_W}{{30,64}}|NRAK-[0-9A-Z]{{27}}",  # Linear, Notion, Figma, New Relic
            rf"dapi[0-9a-f]{{32}}|hv[sbr]\.{_W}{{24,255}}|glsa_{_W}{{32,64}}|sntrys_{_W}{{30,255}}|PMAK-[0-9a-f\-]{{50,64}}",  # Databricks, Vault, Grafana, Sentry, Postman
            r"[0-9]{8,10}:AA[0-9A-Za-z_\-]{33}",  # Telegram
            rf"eyJ{_W}{{5,4096}}\.{_W}{{5,8192}}\.{_W}{{0,4096}}",  # JSON Web Token
            r"AGE-SECRET-KEY-1[0-9A-Z]{58}",  # age
        )
    )
    + ")"
)
_HINT: Final = re.compile(
    r"gh[opsur]_|b_pat|gl[a-z]{2,5}-|xox|xapp|A[KSBC][ICA]A|AIza|ya29|GOCS|k_live|k_test|whsec|sk-|SG\.|SK|AC[0-9a-f]|npm_|pypi-|rubyg|dckr|AT[AC]TT|_v1_|shp|hf_|lin_|ntn_|figd|NRAK|dapi|hv[sbr]\.|glsa|sntry|PMAK|:AA|eyJ|AGE-"
)
_PEM: Final = re.compile(
    r"-----BEGIN (?P<what>[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----(?:[^\-\0]|-(?!----)){0,20000}(?:-----END (?P=what)-----|\Z)"
)
_URL: Final = re.compile(r"\b[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s/:@\"'<>\0]{0,64}:([^\s/@\"'<>\0]{1,128})@")
_HOOK: Final = re.compile(r"hooks\.slack\.com/(?:services|workflows)/([0-9A-Za-z/]{20,128})")
_SCHEME: Final = re.compile(r"(?i)\b(?:bearer|basic|token|splunk)[ \t]+([0-9A-Za-z._~+/\-]{16,4096}={0,2})(?![0-9A-Za-z])")
_FIELD: Final = re.compile(
    r"(?i)(?:password|passwd|passwort|kennwort|secret|api[_\-]?key|private[_\-]?key|access[_\-]?key|secret[_\-]?key|auth[_\-]?key|"
    r"account[_\-]?key|shared[_\-]?access[_\-]?(?:key|signature)|access[_\-]?token|refresh[_\-]?token|id[_\-]?token|auth[_\-]?token|session[_\-]?id|authorization|"
    r"(?<![0-9A-Za-z])(?:pass(?:phrase|code)?|pwd|token|sessid|phpsessid|jsessionid|cookie|signature|sig|otp|cvv|cvc|pin))"
    r"[\"']?[ \t]{0,3}(?:=>|:=|[=:])[ \t]{0,3}(?:[\"']((?:[^\"'\n\0\\]|\\.){1,512})[\"']|([^\s\"',;&)}\]<>\0]{1,512}))"
)
_FLAG: Final = re.compile(
    r"--(?:password|passwd|pass|token|secret|api-key|access-key|secret-key|auth)[ \t]+[\"']?([^\s\"'\0\-][^\s\"'\0]{3,255})"
    r"|\b(?:mysql\w*|mariadb\w*)\b[^\n\0]{0,80}?[ \t]-p([^\s\"'\0]{4,128})"
    r"|\bcurl\b[^\n\0]{0,200}?[ \t](?:-u|--user)[ \t=]*[\"']?[^\s:\"'\0]{1,64}:([^\s\"'\0]{1,128})"
)
"""Passwords as command lines give them."""
_CODE: Final = re.compile(r"[?&](?:code|client_secret|assertion|samlresponse|ticket)=([0-9A-Za-z._~%+/\-]{12,4096})", re.IGNORECASE)
_NOTHING: Final = re.compile(
    r"(?i)[*x.•\-_#?]+|null|none|nil|true|false|undefined|empty|yes|no|ok|\(?(?:not )?set\)?|required|invalid|missing|expired|bearer|basic|redacted|hidden|masked|\[.*|\$\{?\w.*|%.*|<.*|\{.*|env:.*|file:.*|keyring:.*|0x[0-9a-f]+|[\w.$]+@[0-9a-f]+|\w*\{.*"
)
_WEAK: Final = re.compile(r"(?i)(?:token|sig|signature|pin|otp|cookie|pass|sessi?d|key)[\"']?[ \t]{0,3}(?:=>|:=|[=:])")
_FIELD_HINTS: Final = (
    "pass",
    "pwd",
    "kennwort",
    "secret",
    "token",
    "key",
    "sess",
    "cookie",
    "authori",
    "sig",
    "otp",
    "cv",
    "pin",
    "bearer",
    "basic",
    "splunk",
)


def secrets(text: str) -> Iterator[Span]:
    """Yield credentials; values that say that there is none (`null`, `***`, a reference) stay."""
    if "PRIVATE KEY" in text:
        yield from (Span(start=m.start(), end=m.end(), kind=KEY) for m in _PEM.finditer(text))
    if _HINT.search(text):
        yield from (Span(start=m.start(), end=m.end(), kind=SECRET) for m in _TOKEN.finditer(text))
    if "://" in text:
        yield from (Span(start=m.start(1), end=m.end(1), kind=SECRET) for m in _URL.finditer(text) if not _NOTHING.fullmatch(m[1]))
    if "hooks." in text:
        yield from (Span(start=m.start(1), end=m.end(1), kind=SECRET) for m in _HOOK.finditer(text))
    if " -" in text:
        for found in _FLAG.finditer(text):
            group = found.lastindex or 1
            if not _NOTHING.fullmatch(found[group]):
                yield Span(start=found.start(group), end=found.end(group), kind=SECRET)
    if "=" in text and ("?" in text or "&" in text):
        yield from (Span(start=m.start(1), end=m.end(1), kind=SECRET) for m in _CODE.finditer(text) if _random(m[1]))
    small = text.lower()
    if any(map(small.__contains__, _FIELD_HINTS)):
        yield from (Span(start=m.start(1), end=m.end(1), kind=SECRET) for m in _SCHEME.finditer(text) if _random(m[1]))
        yield from _fields(text)


def _fields(text: str) -> Iterator[Span]:
    for found in _FIELD.finditer(text):
        group = 1 if found[1] is not None else 2
        value = found[group]
        if _NOTHING.fullmatch(value) or (_WEAK.search(found[0]) and not _random(value)):
            continue
        yield Span(start=found.start(group), end=found.end(group), kind=SECRET)


def _random(value: str) -> bool:
    """Tell whether a value looks made by a machine: `token: expired` and `key=name` do not."""
    return len(value) >= 4 and any(char.isdigit() for char in value) and (len(value) >= 8 or value.isdigit())  # noqa: PLR2004  # a PIN has 4 digits, an id of a session 8 characters
