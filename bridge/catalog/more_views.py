"""The standard views behind the catalogue's further investigations: who asked, was told, was charged, logged in, waits.

A workspace writes those that its investigations need; `bridge views check` tells which are missing.
"""

from __future__ import annotations

from typing import Final

from bridge.catalog.standard_view import StandardView
from bridge.catalog.standard_view import column as _column

_REQUESTS: Final = StandardView(
    name="requests",
    rows="one request to the product, as the gateway or the application recorded it",
    columns=(
        _column("request_id", "text", "unique"),
        _column("account_id", "text", "who asked"),
        _column("at", "time", "when it came in"),
        _column("method", "text", "GET, POST, ..."),
        _column("endpoint", "text", "the route without ids and queries: /reports/{id}"),
        _column("status", "integer", "status code of the answer"),
        _column("duration_ms", "decimal", "how long the answer took, in milliseconds", optional=True),
        _column("version", "text", "version of the service that answered", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_DELIVERIES: Final = StandardView(
    name="deliveries",
    rows="one event to be delivered to a webhook endpoint of a customer, with the outcome of all attempts so far",
    columns=(
        _column("delivery_id", "text", "unique"),
        _column("account_id", "text", "whose endpoint it is"),
        _column("endpoint_id", "text", "which endpoint of the account"),
        _column("event_type", "text", "what is told: order.created"),
        _column("created_at", "time", "when there was something to tell"),
        _column("delivered_at", "time", "when the endpoint took it; NULL as long as it did not", optional=True),
        _column("attempts", "integer", "how often it was tried"),
        _column("status", "text", "delivered, failed (given up), pending, disabled (the customer switched the endpoint off)"),
        _column("status_code", "integer", "the endpoint's last answer; NULL when there was none", optional=True),
        _column("redelivery_of", "text", "delivery_id that this one repeats", optional=True),
        _column("version", "text", "version of the service that sent it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_INVOICES: Final = StandardView(
    name="invoices",
    rows="one invoice",
    columns=(
        _column("invoice_id", "text", "unique"),
        _column("account_id", "text", "who owes it"),
        _column("issued_at", "time", "when it was issued"),
        _column("due_at", "time", "when it is collected or due"),
        _column("amount", "decimal", "what is owed, in the workspace's currency"),
        _column("collection", "text", "automatic (we charge) or manual (the customer transfers)"),
        _column("status", "text", "open, paid, void, ..."),
    ),
)
_CHARGES: Final = StandardView(
    name="charges",
    rows="one try to take money for an invoice",
    columns=(
        _column("charge_id", "text", "unique"),
        _column("account_id", "text", "who was charged"),
        _column("invoice_id", "text", "for which invoice", optional=True),
        _column("at", "time", "when"),
        _column("amount", "decimal", "what was taken, in the workspace's currency"),
        _column("refunded", "decimal", "how much of it was given back; 0 when nothing", optional=True),
        _column("status", "text", "succeeded, failed, pending"),
        _column("processor", "text", "who took it: name of the payment provider", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_LOGINS: Final = StandardView(
    name="logins",
    rows="one try of a person to log in",
    columns=(
        _column("login_id", "text", "unique"),
        _column("account_id", "text", "the account of the person"),
        _column("user_id", "text", "who tried; an id, not a name"),
        _column("at", "time", "when"),
        _column("method", "text", "password, saml, oidc, magic_link, ..."),
        _column("provider", "text", "identity provider of single sign-on", optional=True),
        _column("outcome", "text", "success or failure"),
        _column("reason", "text", "why it failed, as the product records it: wrong_password, certificate_expired", optional=True),
        _column("version", "text", "version of the service that judged it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_ACCESS_CHECKS: Final = StandardView(
    name="access_checks",
    rows="one decision whether somebody may use a feature",
    columns=(
        _column("check_id", "text", "unique"),
        _column("account_id", "text", "whose"),
        _column("user_id", "text", "who asked; an id, not a name", optional=True),
        _column("at", "time", "when"),
        _column("feature", "text", "what was asked for"),
        _column("allowed", "boolean", "what the product decided"),
        _column("reason", "text", "why, as the product records it: plan, role, trial_over", optional=True),
        _column("version", "text", "version of the service that decided", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_ENTITLEMENTS: Final = StandardView(
    name="entitlements",
    rows="one feature that an account is entitled to, from when until when",
    columns=(
        _column("account_id", "text", "whose"),
        _column("feature", "text", "the name as in access_checks"),
        _column("source", "text", "why: plan, addon, trial, contract", optional=True),
        _column("valid_from", "time", "from when"),
        _column("valid_until", "time", "until when (exclusive); NULL while it lasts", optional=True),
    ),
)
_JOBS: Final = StandardView(
    name="jobs",
    rows="one background job of an account",
    columns=(
        _column("job_id", "text", "unique"),
        _column("account_id", "text", "for whom it works"),
        _column("kind", "text", "what it does: sync, report, index"),
        _column("queue", "text", "where it waits", optional=True),
        _column("enqueued_at", "time", "when it was asked for"),
        _column("started_at", "time", "when it began; NULL while it waits", optional=True),
        _column("finished_at", "time", "when it ended, well or not; NULL while it has not", optional=True),
        _column("status", "text", "waiting, running, success, failed, cancelled"),
        _column("attempts", "integer", "how often it was begun", optional=True),
        _column("version", "text", "version of the worker", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_MESSAGES: Final = StandardView(
    name="messages",
    rows="one e-mail, text message, push or in-app notification to one recipient",
    columns=(
        _column("message_id", "text", "unique"),
        _column("account_id", "text", "the recipient's account"),
        _column("channel", "text", "email, sms, push, in_app"),
        _column("kind", "text", "which message: invite, alert, digest"),
        _column("due_at", "time", "when it should go out"),
        _column("sent_at", "time", "when it left us; NULL when it did not", optional=True),
        _column("delivered_at", "time", "when the other side took it; NULL when it did not, or never says", optional=True),
        _column("status", "text", "queued, sent, delivered, failed, dropped, bounced, suppressed"),
        _column("reason", "text", "why it was not delivered: bad_address, unsubscribed, provider_error", optional=True),
        _column("provider", "text", "who carries it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_TOKENS: Final = StandardView(
    name="tokens",
    rows="one access token of an integration",
    columns=(
        _column("token_id", "text", "unique; an id, never the token itself"),
        _column("account_id", "text", "whose"),
        _column("integration", "text", "with what: salesforce, google_drive"),
        _column("issued_at", "time", "when it was given"),
        _column("expires_at", "time", "when it ends; NULL when it does not", optional=True),
        _column("revoked_at", "time", "when it was taken back; NULL when it was not", optional=True),
        _column("revoked_by", "text", "customer or us; NULL when it was not", optional=True),
        _column("renews", "boolean", "true when the product is to renew it by itself"),
    ),
)
_SYNCS: Final = StandardView(
    name="syncs",
    rows="one run of an integration for an account",
    columns=(
        _column("sync_id", "text", "unique"),
        _column("account_id", "text", "whose"),
        _column("integration", "text", "with what, as in tokens"),
        _column("token_id", "text", "the token it used", optional=True),
        _column("started_at", "time", "when it began"),
        _column("status", "text", "success, failed, running"),
        _column("reason", "text", "why it failed, as the product records it", optional=True),
        _column("version", "text", "version of the service that ran it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
    ),
)
_IMPORTS: Final = StandardView(
    name="imports",
    rows="one run of an import",
    columns=(
        _column("import_id", "text", "unique"),
        _column("account_id", "text", "whose data it is"),
        _column("source", "text", "where it comes from: upload, sftp, api", optional=True),
        _column("format", "text", "csv, xlsx, json, ...", optional=True),
        _column("started_at", "time", "when it began"),
        _column("finished_at", "time", "when it ended; NULL while it runs", optional=True),
        _column("status", "text", "success, partial, failed, running"),
        _column("source_rows", "integer", "records that the source had", optional=True),
        _column("rows_imported", "integer", "records that were written, new and changed", optional=True),
        _column("rows_skipped", "integer", "records left alone on purpose: unchanged, duplicates", optional=True),
        _column("rows_rejected", "integer", "records that were refused and told to the customer", optional=True),
        _column("version", "text", "version of the service that ran it", optional=True),
        _column("trace_id", "text", "as the logs carry it", optional=True),
        _column("rerun_of", "text", "import_id that this run repeats", optional=True),
    ),
)
_FIRST_RECORDS: Final = StandardView(
    name="first_records",
    rows="one record as the store has it that is right by definition (the application's database)",
    columns=(
        _column("account_id", "text", "whose"),
        _column("kind", "text", "which kind of record: contact, order"),
        _column("record_id", "text", "unique in its kind, the same in both stores"),
        _column("changed_at", "time", "when it was last changed"),
        _column("fingerprint", "text", "the values to compare as one text: md5(concat_ws('|', name, status)), made alike in both stores"),
    ),
)
_SECOND_RECORDS: Final = StandardView(
    name="second_records",
    rows="one record as the store has it that is filled from the first (search index, warehouse, replica)",
    columns=(
        _column("account_id", "text", "whose"),
        _column("kind", "text", "which kind of record, as in first_records"),
        _column("record_id", "text", "as in first_records"),
        _column("changed_at", "time", "when it was last written here", optional=True),
        _column("fingerprint", "text", "made alike in both stores"),
    ),
)
_EXPOSURES: Final = StandardView(
    name="exposures",
    rows="the moment from which an account has a variant of a feature flag",
    columns=(
        _column("exposure_id", "text", "unique"),
        _column("account_id", "text", "whose"),
        _column("flag", "text", "name of the flag"),
        _column("variant", "text", "on, off, or the variant's name"),
        _column("at", "time", "from when"),
        _column("reason", "text", "why it got it: rollout, target, default", optional=True),
    ),
)
_ACCOUNT_DATA: Final = StandardView(
    name="account_data",
    rows="one record that is stored about an account or the people in it, over all tables",
    columns=(
        _column("account_id", "text", "whose"),
        _column("category", "text", "what kind of data it is: profile, tickets, billing, usage"),
        _column("place", "text", "where it is stored: the table or system"),
        _column("record_id", "text", "unique in its place"),
        _column("person_id", "text", "the person it is about, by id; NULL when it is about the account", optional=True),
        _column("created_at", "time", "since when it is stored", optional=True),
        _column("keep_until", "time", "when it is to be deleted; NULL when no rule says", optional=True),
        _column("content", "text", "the data itself as text, for example JSON", optional=True),
    ),
)

ALL: Final = (
    _REQUESTS,
    _DELIVERIES,
    _INVOICES,
    _CHARGES,
    _LOGINS,
    _ACCESS_CHECKS,
    _ENTITLEMENTS,
    _JOBS,
    _MESSAGES,
    _TOKENS,
    _SYNCS,
    _IMPORTS,
    _FIRST_RECORDS,
    _SECOND_RECORDS,
    _EXPOSURES,
    _ACCOUNT_DATA,
)
