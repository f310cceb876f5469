-- name: append
-- The row is held: whoever takes the reply over waits for this, or this finds it taken.
INSERT INTO reply_chunks (reply_id, seq, body)
SELECT r.id, CAST(:seq AS INTEGER), CAST(:body AS TEXT)
  FROM replies r
 WHERE r.id = :id AND r.epoch = :epoch AND r.state IN ('pending', 'streaming')
   FOR SHARE;
