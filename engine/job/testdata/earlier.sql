CREATE TABLE numbers (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH (
  'connector' = 'datagen', 'rows-per-second' = '400', 'number-of-rows' = '3000',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '0',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2001-01-01 00:00:00', 'fields.ts.step' = '1000');
CREATE TABLE counts (q STRING, n BIGINT, total BIGINT) WITH ('connector' = 'print');
INSERT INTO counts
SELECT 'few', COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n % 10 = 0 GROUP BY window_start, window_end;
INSERT INTO counts
SELECT 'many', COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE numbers, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n % 10 <> 0 GROUP BY window_start, window_end;
