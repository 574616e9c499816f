-- One row a job that nobody cancelled. Minutes from request to end, or to seen_at.
SELECT
    j.account_id,
    j.enqueued_at AS "at",
    j.job_id AS "key",
    COALESCE(EXTRACT(EPOCH FROM (COALESCE(j.finished_at, :seen_at) - j.enqueued_at)) > 60 * :longest_minutes, FALSE) AS failed,
    j.trace_id,
    j.kind,
    j.queue,
    j.version,
    j.status,
    j.attempts
FROM jobs AS j
WHERE j.enqueued_at >= :window_start
  AND j.enqueued_at < :window_end
  AND j.status <> 'cancelled'
  AND ('all' IN (:kinds) OR j.kind IN (:kinds))
