-- One row a kind and queue with jobs that have not ended: what to look at now.
SELECT
    j.kind,
    COALESCE(j.queue, 'none') AS queue,
    COUNT(CASE WHEN j.started_at IS NULL THEN 1 END) AS waiting,
    COUNT(CASE WHEN j.started_at IS NOT NULL THEN 1 END) AS running,
    COUNT(DISTINCT j.account_id) AS accounts,
    MIN(j.enqueued_at) AS oldest_at
FROM jobs AS j
WHERE j.enqueued_at >= :window_start
  AND j.enqueued_at < :window_end
  AND j.finished_at IS NULL
  AND j.status <> 'cancelled'
  AND ('all' IN (:kinds) OR j.kind IN (:kinds))
GROUP BY j.kind, COALESCE(j.queue, 'none')
