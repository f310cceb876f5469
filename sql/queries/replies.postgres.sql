-- name: append
-- All rows in one statement. Their replies are held: whoever takes one over waits for this, or this
-- finds it taken.
INSERT INTO reply_chunks (reply_id, seq, body, thought)
SELECT r.id, CAST(n.seq AS INTEGER), n.body, n.thought
  FROM unnest(CAST(:id AS TEXT[]), CAST(:epoch AS TEXT[]), CAST(:seq AS TEXT[]),
              CAST(:body AS TEXT[]), CAST(:thought AS TEXT[]))
       AS n (id, epoch, seq, body, thought)
  JOIN replies r ON r.id = n.id AND r.epoch = CAST(n.epoch AS INTEGER)
                AND r.state IN ('pending', 'streaming')
   FOR SHARE OF r
    ON CONFLICT (reply_id, seq) DO NOTHING;
