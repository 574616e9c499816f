-- One row a wrongly charged invoice, with what was taken: the list for whoever gives money back.
WITH taken AS (
    SELECT
        c.invoice_id,
        COUNT(*) AS tries,
        COUNT(CASE WHEN c.status = 'succeeded' THEN 1 END) AS charges,
        SUM(CASE WHEN c.status = 'succeeded' THEN c.amount - COALESCE(c.refunded, 0) ELSE 0 END) AS kept
    FROM charges AS c
    JOIN invoices AS d ON d.invoice_id = c.invoice_id
    WHERE d.due_at >= :window_start
      AND d.due_at < :window_end
    GROUP BY c.invoice_id
)
SELECT
    i.account_id,
    i.invoice_id,
    i.due_at,
    i.amount,
    COALESCE(t.charges, 0) AS charges,
    COALESCE(t.kept, 0) AS kept,
    COALESCE(t.kept, 0) - i.amount AS too_much
FROM invoices AS i
LEFT JOIN taken AS t ON t.invoice_id = i.invoice_id
WHERE i.due_at >= :window_start
  AND i.due_at < :window_end
  AND i.status <> 'void'
  AND i.amount > 0
  AND (
      COALESCE(t.kept, 0) > i.amount
      OR (i.collection = 'automatic' AND COALESCE(t.tries, 0) = 0 AND i.due_at < :charged_before)
  )
