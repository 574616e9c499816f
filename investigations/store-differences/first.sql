-- The records of the first store that changed in the window and had time to arrive.
SELECT
    f.account_id,
    f.kind,
    f.record_id,
    f.changed_at,
    f.fingerprint
FROM first_records AS f
WHERE f.changed_at >= :window_start
  AND f.changed_at < :window_end
  AND f.changed_at < :settled_before
  AND ('all' IN (:kinds) OR f.kind IN (:kinds))
  AND ('all' IN (:accounts) OR f.account_id IN (:accounts))
