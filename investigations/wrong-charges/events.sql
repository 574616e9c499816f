-- One row an invoice that fell due. Kept: what succeeded, less what was given back.
WITH taken AS (
    SELECT
        c.invoice_id,
        COUNT(*) AS tries,
        SUM(CASE WHEN c.status = 'succeeded' THEN c.amount - COALESCE(c.refunded, 0) ELSE 0 END) AS kept
    FROM charges AS c
    JOIN invoices AS d ON d.invoice_id = c.invoice_id
    WHERE d.due_at >= :window_start
      AND d.due_at < :window_end
    GROUP BY c.invoice_id
)
SELECT
    i.account_id,
    i.due_at AS "at",
    i.invoice_id AS "key",
    COALESCE(
        COALESCE(t.kept, 0) > i.amount
        OR (i.collection = 'automatic' AND COALESCE(t.tries, 0) = 0 AND i.due_at < :charged_before),
        FALSE
    ) AS failed,
    i.collection,
    CASE
        WHEN COALESCE(t.kept, 0) > i.amount THEN 'too much'
        WHEN i.collection = 'automatic' AND COALESCE(t.tries, 0) = 0 AND i.due_at < :charged_before THEN 'nothing'
        ELSE 'none'
    END AS problem
FROM invoices AS i
LEFT JOIN taken AS t ON t.invoice_id = i.invoice_id
WHERE i.due_at >= :window_start
  AND i.due_at < :window_end
  AND i.status <> 'void'
  AND i.amount > 0
