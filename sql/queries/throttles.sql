-- name: count
-- One statement, so that two requests at once cannot both be the last one allowed.
INSERT INTO throttles (key, started_at, count)
VALUES (:key, :now, 1)
ON CONFLICT (key) DO UPDATE
   SET count = CASE WHEN throttles.started_at <= :since THEN 1 ELSE throttles.count + 1 END,
       started_at = CASE WHEN throttles.started_at <= :since THEN :now
                         ELSE throttles.started_at END
RETURNING started_at, count;

-- name: forget
DELETE FROM throttles
 WHERE started_at <= :since;
