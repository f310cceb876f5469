-- name: get (quick)
SELECT id, title, model, leaf_id, pinned, archived, updated_at
  FROM conversations
 WHERE id = :id AND account_id = :account_id;

-- name: page (quick)
-- One page of the history, behind the pinned ones (:pinned of them; 0 on later pages).
-- A cursor, not OFFSET: page fifty costs what page one does.
WITH pinned AS (
  SELECT id, title, pinned, archived, updated_at
    FROM conversations
   WHERE account_id = :account_id AND archived = 0 AND pinned = 1
   ORDER BY updated_at DESC, id DESC
   LIMIT :pinned
), recent AS (
  SELECT id, title, pinned, archived, updated_at
    FROM conversations
   WHERE account_id = :account_id AND archived = 0 AND pinned = 0
     AND (updated_at, id) < (:before, :before_id)
   ORDER BY updated_at DESC, id DESC
   LIMIT :limit
)
SELECT c.id, c.title, c.pinned, c.archived, c.updated_at,
       EXISTS (SELECT 1 FROM replies r
                WHERE r.account_id = :account_id AND r.conversation_id = c.id
                  AND r.state IN ('pending', 'streaming')) AS running
  FROM (SELECT * FROM pinned UNION ALL SELECT * FROM recent) c
 ORDER BY c.pinned DESC, c.updated_at DESC, c.id DESC;

-- name: search
-- Titles and messages of one account, archived ones too, newest first. On SQLite lower() is quick and
-- knows ASCII, so :rough has _ for the rest; upper() is Python's and is asked about what is left.
SELECT c.id, c.title, c.pinned, c.archived, c.updated_at,
       EXISTS (SELECT 1 FROM replies r
                WHERE r.account_id = c.account_id AND r.conversation_id = c.id
                  AND r.state IN ('pending', 'streaming')) AS running
  FROM conversations c
 WHERE c.account_id = :account_id AND (c.updated_at, c.id) < (:before, :before_id)
   AND ((lower(c.title) LIKE lower(CAST(:rough AS TEXT)) ESCAPE '\'
         AND upper(c.title) LIKE upper(CAST(:exact AS TEXT)) ESCAPE '\')
        OR EXISTS (SELECT 1 FROM messages m
                    WHERE m.conversation_id = c.id AND m.account_id = c.account_id
                      AND lower(m.text) LIKE lower(CAST(:rough AS TEXT)) ESCAPE '\'
                      AND upper(m.text) LIKE upper(CAST(:exact AS TEXT)) ESCAPE '\'))
 ORDER BY c.updated_at DESC, c.id DESC
 LIMIT :limit;

-- name: path
-- From a message up to the first one, at most :limit of them, oldest first.
WITH RECURSIVE path (id, parent_id, depth) AS (
  SELECT id, parent_id, 1
    FROM messages
   WHERE id = :from_id AND conversation_id = :conversation_id AND account_id = :account_id
  UNION ALL
  SELECT m.id, m.parent_id, path.depth + 1
    FROM path
    JOIN messages m ON m.id = path.parent_id
   WHERE path.depth < :limit
)
SELECT m.id, m.parent_id, m.role, m.text, m.html, m.created_at,
       COALESCE(r.state, '') AS state, COALESCE(r.reason, '') AS reason,
       COALESCE(r.model, '') AS model, COALESCE(r.model_name, '') AS model_name,
       COALESCE(r.input_tokens, 0) AS input_tokens, COALESCE(r.cached_tokens, 0) AS cached_tokens,
       COALESCE(r.output_tokens, 0) AS output_tokens,
       COALESCE(r.reasoning_tokens, 0) AS reasoning_tokens, r.cost,
       COALESCE(r.estimated, 0) AS estimated, COALESCE(r.since, '') AS since,
       COALESCE(r.asked, 0) AS asked, COALESCE(r.cut, 0) AS cut,
       CASE WHEN :thoughts = 1 THEN COALESCE(r.reasoning, '') ELSE '' END AS reasoning,
       COALESCE(r.thought_ms, 0) AS thought_ms, COALESCE(r.side, 0) AS side,
       COALESCE(r.own_key, 0) AS own_key
  FROM path
 CROSS JOIN messages m  -- in this order whatever the statistics say: by key, never a scan
  LEFT JOIN replies r ON r.id = m.id
 WHERE m.id = path.id
 ORDER BY path.depth DESC;

-- name: siblings
-- The versions of every message of a path, oldest first. Beginnings have no parent: COALESCE keeps
-- them off the index of parents, which has those of all conversations in one place; CROSS JOIN makes
-- SQLite begin with the path, not with all messages there are.
WITH RECURSIVE path (id, parent_id, depth) AS (
  SELECT id, parent_id, 1
    FROM messages
   WHERE id = :from_id AND conversation_id = :conversation_id AND account_id = :account_id
  UNION ALL
  SELECT m.id, m.parent_id, path.depth + 1
    FROM path
    JOIN messages m ON m.id = path.parent_id
   WHERE path.depth < :limit
)
SELECT s.id, s.parent_id, s.seq, COALESCE(r.side, 0) AS side
  FROM path
 CROSS JOIN messages s
  LEFT JOIN replies r ON r.id = s.id
 WHERE s.parent_id = path.parent_id AND s.account_id = :account_id
UNION ALL
SELECT s.id, s.parent_id, s.seq, 0
  FROM path
 CROSS JOIN messages s
 WHERE path.parent_id IS NULL AND s.conversation_id = :conversation_id
   AND COALESCE(s.parent_id, '') = '' AND s.account_id = :account_id
 ORDER BY seq;

-- name: beside
-- The newest version of every other side, for the replies of a path that are not alone.
WITH RECURSIVE path (id, parent_id, depth) AS (
  SELECT id, parent_id, 1
    FROM messages
   WHERE id = :from_id AND conversation_id = :conversation_id AND account_id = :account_id
  UNION ALL
  SELECT m.id, m.parent_id, path.depth + 1
    FROM path
    JOIN messages m ON m.id = path.parent_id
   WHERE path.depth < :limit
)
SELECT m.id, m.parent_id, m.role, m.text, m.html, m.created_at, r.state, r.reason, r.model,
       r.model_name, r.input_tokens, r.cached_tokens, r.output_tokens, r.reasoning_tokens, r.cost,
       r.estimated, r.since, r.asked, r.cut, r.reasoning, r.thought_ms, r.side,
       r.own_key
  FROM path
 CROSS JOIN replies own
 CROSS JOIN messages m
 CROSS JOIN replies r
 WHERE own.id = path.id AND own.side > 0 AND r.id = m.id AND r.side <> own.side
   AND m.parent_id = path.parent_id AND m.account_id = :account_id
   AND NOT EXISTS (SELECT 1
                     FROM messages later
                     JOIN replies l ON l.id = later.id
                    WHERE later.parent_id = m.parent_id AND later.seq > m.seq AND l.side = r.side)
 ORDER BY r.side;

-- name: newest_below
-- The newest message that follows this one, or itself, and how far below it is; but if the path
-- that is remembered leads through here, its end.
WITH RECURSIVE below (id, seq, depth) AS (
  SELECT id, seq, 0
    FROM messages
   WHERE id = :id AND conversation_id = :conversation_id AND account_id = :account_id
  UNION ALL
  SELECT m.id, m.seq, below.depth + 1
    FROM below
    JOIN messages m ON m.parent_id = below.id
   WHERE m.account_id = :account_id
)
SELECT b.id, b.depth
  FROM below b
  LEFT JOIN conversations c
    ON c.id = :conversation_id AND c.account_id = :account_id AND c.leaf_id = b.id
 ORDER BY CASE WHEN c.id IS NULL THEN 1 ELSE 0 END, b.seq DESC
 LIMIT 1;

-- name: place
SELECT m.conversation_id, COALESCE(r.side, 0) AS side, COALESCE(r.model, '') AS model
  FROM messages m
  LEFT JOIN replies r ON r.id = m.id
 WHERE m.id = :id AND m.account_id = :account_id;

-- name: question
SELECT conversation_id, text
  FROM messages
 WHERE id = :id AND account_id = :account_id AND role = 'user';

-- name: sides
-- The models that answered a question side by side, in their order; none when one did alone.
SELECT r.side, r.model
  FROM messages m
  JOIN replies r ON r.id = m.id
 WHERE m.parent_id = :id AND m.account_id = :account_id AND r.side > 0
 ORDER BY r.side, m.seq;

-- name: set_path
-- Looking at another version makes nothing newer: updated_at stays.
UPDATE conversations
   SET leaf_id = :leaf_id
 WHERE id = :id AND account_id = :account_id;

-- name: parent (quick)
SELECT COALESCE(parent_id, '') AS parent_id
  FROM messages
 WHERE id = :id AND conversation_id = :conversation_id AND account_id = :account_id;

-- name: rename
UPDATE conversations
   SET title = :title
 WHERE id = :id AND account_id = :account_id
RETURNING id, title, model, leaf_id, pinned, archived, updated_at;

-- name: set_model
UPDATE conversations
   SET model = :model
 WHERE id = :id AND account_id = :account_id
RETURNING id, title, model, leaf_id, pinned, archived, updated_at;

-- name: pin
UPDATE conversations
   SET pinned = :is_on
 WHERE id = :id AND account_id = :account_id
RETURNING id, title, model, leaf_id, pinned, archived, updated_at;

-- name: archive
UPDATE conversations
   SET archived = :is_on
 WHERE id = :id AND account_id = :account_id
RETURNING id, title, model, leaf_id, pinned, archived, updated_at;

-- name: delete
DELETE FROM conversations
 WHERE id = :id AND account_id = :account_id
RETURNING id;
