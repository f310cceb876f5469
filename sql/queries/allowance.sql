-- name: reserve
-- One statement, so that two at once cannot both be the last one allowed. The condition stands in
-- the SELECT too: without it a first reservation, which conflicts with nothing, is never refused.
INSERT INTO usage_counters (account_id, meter, window_start, used)
SELECT CAST(:account_id AS TEXT), CAST(:meter AS TEXT), CAST(:window_start AS INTEGER),
       CAST(:amount AS INTEGER)
 WHERE CAST(:amount AS INTEGER) <= CAST(:allowed AS INTEGER)
ON CONFLICT (account_id, meter, window_start) DO UPDATE
   SET used = usage_counters.used + excluded.used
 WHERE usage_counters.used + excluded.used <= CAST(:allowed AS INTEGER)
RETURNING used;

-- name: hold
-- What one reply has of it.
INSERT INTO usage_events
  (reply_id, epoch, meter, account_id, window_start, reserved, actual, state, created_at)
VALUES (:reply_id, :epoch, :meter, :account_id, :window_start, :reserved, NULL, 'reserved', :now);

-- name: settle
-- A reply ended; NULL tokens leave it at what was reserved.
UPDATE usage_events
   SET state = CASE WHEN :counted = 1 THEN 'settled' ELSE 'released' END,
       actual = CASE WHEN :counted <> 1 THEN 0
                     WHEN meter = 'output_tokens' THEN COALESCE(CAST(:tokens AS INTEGER), reserved)
                     ELSE reserved END
 WHERE reply_id = :reply_id AND state = 'reserved'
RETURNING account_id, meter, window_start, reserved, actual;

-- name: adjust
UPDATE usage_counters
   SET used = used + :change
 WHERE account_id = :account_id AND meter = :meter AND window_start = :window_start;

-- name: used (quick)
SELECT meter, used
  FROM usage_counters
 WHERE account_id = :account_id AND window_start = :window_start
   AND meter IN ('messages', 'output_tokens');

-- name: running
SELECT COUNT(*) AS running
  FROM replies
 WHERE account_id = :account_id AND state IN ('pending', 'streaming');

-- name: stored
-- Each content once, however often it was sent; as what is taken in is measured.
SELECT CAST(COALESCE(SUM(f.size), 0) AS INTEGER) AS bytes
  FROM files f
 WHERE f.sha256 IN (SELECT file FROM attachments WHERE account_id = :account_id);

-- name: left_over
-- Reservations that nobody will settle any more: what ends a reply settles it, so these are of
-- deleted ones.
SELECT DISTINCT e.reply_id
  FROM usage_events e
 WHERE e.state = 'reserved' AND e.created_at <= :since
   AND NOT EXISTS (SELECT 1 FROM replies r
                    WHERE r.id = e.reply_id AND r.state IN ('pending', 'streaming'))
 LIMIT :limit;

-- name: forget_events
DELETE FROM usage_events
 WHERE created_at <= :since AND state <> 'reserved';

-- name: forget_counters
DELETE FROM usage_counters
 WHERE window_start <= :since;
