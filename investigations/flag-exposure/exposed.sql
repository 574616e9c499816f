-- One row an account and variant: since when it has it, or had it.
SELECT
    x.account_id,
    x.variant,
    COALESCE(x.reason, 'none recorded') AS reason,
    MIN(x."at") AS since_at
FROM exposures AS x
WHERE x.flag = :flag
  AND x."at" < :window_end
GROUP BY x.account_id, x.variant, COALESCE(x.reason, 'none recorded')
