-- One row a message that was not suppressed. Late: sent, or still unsent at seen_at, more than longest_minutes after it was due.
SELECT
    m.account_id,
    m.due_at AS "at",
    m.message_id AS "key",
    COALESCE(
        (m.status IN ('failed', 'dropped', 'bounced') AND (m.reason IS NULL OR m.reason NOT IN (:recipients_own)))
        OR (
            m.status NOT IN ('failed', 'dropped', 'bounced')
            AND EXTRACT(EPOCH FROM (COALESCE(m.sent_at, m.delivered_at, :seen_at) - m.due_at)) > 60 * :longest_minutes
        ),
        FALSE
    ) AS failed,
    m.trace_id,
    m.channel,
    m.kind,
    m.provider,
    m.status,
    m.reason
FROM messages AS m
WHERE m.due_at >= :window_start
  AND m.due_at < :window_end
  AND m.status <> 'suppressed'
