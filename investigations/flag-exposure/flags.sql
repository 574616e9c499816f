-- The flags that there are: a misspelt one would look like a flag that nobody has.
SELECT DISTINCT x.flag
FROM exposures AS x
