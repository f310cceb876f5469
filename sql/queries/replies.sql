-- name: by_key
-- The message that a form's key already made, with the replies it began: the first of each side.
SELECT q.id AS question_id, q.conversation_id, q.text, a.id AS reply_id
  FROM messages q
  JOIN messages a ON a.parent_id = q.id
  JOIN replies r ON r.id = a.id
 WHERE q.account_id = :account_id AND q.key = :key
   AND NOT EXISTS (SELECT 1
                     FROM messages earlier
                     JOIN replies e ON e.id = earlier.id
                    WHERE earlier.parent_id = q.id AND earlier.seq < a.seq AND e.side = r.side)
 ORDER BY r.side;

-- name: conversation
SELECT id, title, model, leaf_id, pinned, archived, updated_at
  FROM conversations
 WHERE id = :id AND account_id = :account_id;

-- name: running
SELECT COUNT(*) AS running
  FROM replies
 WHERE account_id = :account_id AND state IN ('pending', 'streaming');

-- name: running_in
SELECT r.id, r.side, COALESCE(m.parent_id, '') AS parent_id
  FROM replies r
  JOIN messages m ON m.id = r.id
 WHERE r.account_id = :account_id AND r.conversation_id = :conversation_id
   AND r.state IN ('pending', 'streaming');

-- name: add_conversation
INSERT INTO conversations
  (id, account_id, title, model, leaf_id, pinned, archived, created_at, updated_at)
VALUES (:id, :account_id, :title, :model, :leaf_id, 0, 0, :now, :now);

-- name: add_message
INSERT INTO messages
  (id, conversation_id, account_id, parent_id, role, text, html, key, created_at)
VALUES (:id, :conversation_id, :account_id, CAST(:parent_id AS TEXT), :role, :text, '',
        CAST(:key AS TEXT), :now);

-- name: add_reply
INSERT INTO replies
  (id, conversation_id, account_id, model, model_name, state, reason, epoch, worker,
   input_tokens, output_tokens, cached_tokens, reasoning_tokens,
   input_price, cached_price, output_price, own_key, started_at, side)
VALUES (:id, :conversation_id, :account_id, :model, :model_name, 'pending', '', 1, :worker,
        0, 0, 0, 0, CAST(:input_price AS INTEGER), CAST(:cached_price AS INTEGER),
        CAST(:output_price AS INTEGER), :own_key, :now, :side);

-- name: turn_to
-- What the conversation shows from now on.
UPDATE conversations
   SET leaf_id = :leaf_id, model = :model, updated_at = :now
 WHERE id = :id AND account_id = :account_id;

-- name: placed (quick)
-- A reply, whether it is the only answer to its question, and the conversation that it is in.
SELECT m.id, m.parent_id, m.role, m.text, m.html, m.created_at,
       r.state, r.reason, r.model, r.model_name,
       r.input_tokens, r.cached_tokens, r.output_tokens, r.reasoning_tokens, r.cost, r.estimated,
       r.since, r.asked, r.cut, r.reasoning, r.thought_ms, r.side, r.own_key,
       CASE WHEN EXISTS (SELECT 1 FROM messages s
                          WHERE s.parent_id = m.parent_id AND s.id <> m.id) THEN 0 ELSE 1
        END AS alone,
       c.id AS place_id, c.title, c.model AS picked, c.leaf_id, c.pinned, c.archived, c.updated_at
  FROM replies r
  JOIN messages m ON m.id = r.id
  JOIN conversations c ON c.id = r.conversation_id
 WHERE r.id = :id AND r.account_id = :account_id;

-- name: echoes
-- What this model wants back of its own replies in a conversation, but for what is too long.
SELECT r.id, r.echo
  FROM messages m
 CROSS JOIN replies r
 WHERE m.conversation_id = :conversation_id AND m.account_id = :account_id AND r.id = m.id
   AND r.model = :model AND r.echo <> '' AND length(r.echo) <= :longest
 ORDER BY m.seq DESC
 LIMIT :limit;

-- name: followed (quick)
SELECT id
  FROM messages
 WHERE parent_id = :id AND account_id = :account_id
 LIMIT 1;

-- name: resume
-- A new owner: what the one before may still have to write misses.
UPDATE replies
   SET state = 'streaming', reason = '', ended_at = NULL, epoch = epoch + 1, worker = :worker,
       stop_asked = 0, own_key = :own_key, input_price = CAST(:input_price AS INTEGER),
       cached_price = CAST(:cached_price AS INTEGER), output_price = CAST(:output_price AS INTEGER)
 WHERE id = :id AND account_id = :account_id AND state NOT IN ('pending', 'streaming')
RETURNING epoch;

-- name: append
-- A row for what is new, never an UPDATE of the growing text: that would write it all each time.
-- It may be there: when the answer to this was lost, it is asked for again.
INSERT INTO reply_chunks (reply_id, seq, body, thought)
SELECT r.id, CAST(:seq AS INTEGER), CAST(:body AS TEXT), CAST(:thought AS TEXT)
  FROM replies r
 WHERE r.id = :id AND r.epoch = :epoch AND r.state IN ('pending', 'streaming')
    ON CONFLICT (reply_id, seq) DO NOTHING;

-- name: streaming
UPDATE replies
   SET state = 'streaming'
 WHERE id = :id AND epoch = :epoch AND state = 'pending';

-- name: end
-- What a reply used that was gone on with adds up; of a sum with unknown parts nobody knows the cost,
-- nor how long it thought.
UPDATE replies
   SET state = :state, reason = :reason, ended_at = :now, day = :day, epoch = epoch + :raise_epoch,
       cost = CAST(:cost AS INTEGER)
            + CASE WHEN input_tokens + output_tokens = 0 THEN 0 ELSE cost END,
       estimated = CASE WHEN :estimated = 1 THEN 1 ELSE estimated END,
       input_tokens = input_tokens + :input_tokens, output_tokens = output_tokens + :output_tokens,
       cached_tokens = cached_tokens + :cached_tokens,
       reasoning_tokens = reasoning_tokens + :reasoning_tokens, asked = asked + :asked, cut = :cut,
       since = CASE WHEN :asked = 0 THEN since ELSE CAST(:since AS TEXT) END,
       thought_ms = CASE WHEN :thought_ms < 0 OR (reasoning <> '' AND thought_ms = 0) THEN 0
                         ELSE thought_ms + :thought_ms END,
       reasoning = :reasoning,
       echo = CASE WHEN CAST(:echo AS TEXT) = '' THEN echo ELSE CAST(:echo AS TEXT) END
 WHERE id = :id AND epoch = :epoch AND state IN ('pending', 'streaming');

-- name: keep_text
UPDATE messages
   SET text = :text, html = :html
 WHERE id = :id;

-- name: drop_chunks
DELETE FROM reply_chunks
 WHERE reply_id = :id;

-- name: unfinished
-- What a process has to write, and whether somebody has asked it to stop.
SELECT id, epoch, stop_asked
  FROM replies
 WHERE worker = :worker AND state IN ('pending', 'streaming');

-- name: claim
-- From a process that is gone: from here on its late writes miss, so the text can be read whole.
UPDATE replies
   SET epoch = epoch + 1, worker = :worker
 WHERE id = :id AND epoch = :epoch AND state IN ('pending', 'streaming')
RETURNING epoch;

-- name: left
-- What is needed to estimate a reply whose writer is gone: its price, and the texts it was asked
-- with, newest first, its own among them.
WITH RECURSIVE path (id, parent_id, depth) AS (
  SELECT id, parent_id, 1
    FROM messages
   WHERE id = :id
  UNION ALL
  SELECT m.id, m.parent_id, path.depth + 1
    FROM path
    JOIN messages m ON m.id = path.parent_id
   WHERE path.depth < :limit
)
SELECT r.model, r.input_price, r.cached_price, r.output_price, m.text
  FROM replies r
 CROSS JOIN path
 CROSS JOIN messages m
 WHERE r.id = :id AND m.id = path.id
 ORDER BY path.depth;

-- name: ask_to_stop
UPDATE replies
   SET stop_asked = 1
 WHERE id = :id AND account_id = :account_id AND state IN ('pending', 'streaming');

-- name: progress
-- How far a reply is: what it had before it was gone on with as number 0, and the chunks since; of
-- them those after number :after. One row without a body when there is nothing new.
SELECT r.state, r.epoch, p.seq, p.body, p.thought
  FROM replies r
  LEFT JOIN (SELECT 0 AS seq, m.text AS body, o.reasoning AS thought
               FROM messages m
               JOIN replies o ON o.id = m.id
              WHERE m.id = :id
             UNION ALL
             SELECT seq, body, thought FROM reply_chunks WHERE reply_id = :id) p ON p.seq > :after
 WHERE r.id = :id
 ORDER BY p.seq;
