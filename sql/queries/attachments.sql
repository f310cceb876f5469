-- name: file
-- Before a file is added again: whether it is being removed from the disk at this moment.
SELECT deleting_at
  FROM files
 WHERE sha256 = :file;

-- name: add_file
-- Read again, it may be better understood than before; or worse, by a machine that is busy: what
-- was understood stays. Of one that is being removed nothing may be left.
INSERT INTO files
  (sha256, size, type, kind, trouble, cut, pages, width, height, derived, created_at, text)
VALUES (:file, :size, :type, :kind, :trouble, :cut, :pages, :width, :height, :derived, :now, :text)
ON CONFLICT (sha256) DO UPDATE
   SET type = excluded.type, kind = excluded.kind, trouble = excluded.trouble, cut = excluded.cut,
       pages = excluded.pages, width = excluded.width, height = excluded.height,
       derived = excluded.derived, text = excluded.text, deleting_at = NULL
 WHERE files.trouble <> '' OR excluded.trouble = '' OR files.deleting_at IS NOT NULL;

-- name: add
INSERT INTO attachments (id, account_id, message_id, position, name, file, created_at)
VALUES (:id, :account_id, CAST(:message_id AS TEXT), :position, :name, :file, :now);

-- name: used
-- What counts of an account: each content once, however often it was sent. And what waits unsent.
SELECT CAST(COALESCE(SUM(f.size), 0) AS INTEGER) AS bytes,
       (SELECT COUNT(*) FROM attachments
         WHERE account_id = :account_id AND message_id IS NULL) AS unsent
  FROM files f
 WHERE f.sha256 IN (SELECT file FROM attachments WHERE account_id = :account_id);

-- name: holds
SELECT id
  FROM attachments
 WHERE account_id = :account_id AND file = :file
 LIMIT 1;

-- name: get
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived, f.text
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
 WHERE a.id = :id AND a.account_id = :account_id;

-- name: some
-- Without their texts.
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived, '' AS text
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
 WHERE a.account_id = :account_id AND a.id IN (SELECT value FROM json_each(:ids))
 ORDER BY a.created_at, a.id;

-- name: of_messages
-- Texts only where they are wanted: they can be long.
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived,
       CASE WHEN :texts = 1 THEN f.text ELSE '' END AS text
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
 WHERE a.account_id = :account_id AND a.message_id IN (SELECT value FROM json_each(:ids))
 ORDER BY a.message_id, a.position, a.created_at, a.id;

-- name: attach
UPDATE attachments
   SET message_id = CAST(:message_id AS TEXT), position = :position
 WHERE id = :id AND account_id = :account_id AND message_id IS NULL
RETURNING id;

-- name: discard
DELETE FROM attachments
 WHERE id = :id AND account_id = :account_id AND message_id IS NULL;

-- name: delete
DELETE FROM attachments
 WHERE id = :id AND account_id = :account_id
RETURNING id;

-- name: page
-- One's files, newest first, and the conversation each is in.
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived, '' AS text,
       COALESCE(c.id, '') AS conversation_id, COALESCE(c.title, '') AS title
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
  LEFT JOIN messages m ON m.id = a.message_id AND m.account_id = a.account_id
  LEFT JOIN conversations c ON c.id = m.conversation_id AND c.account_id = a.account_id
 WHERE a.account_id = :account_id AND (a.created_at, a.id) < (:before, :before_id)
 ORDER BY a.created_at DESC, a.id DESC
 LIMIT :limit;

-- name: forget_unsent
DELETE FROM attachments
 WHERE message_id IS NULL AND created_at < :before;

-- name: unheld
-- Files in no place any more; those that somebody has begun to remove only when that was long ago.
SELECT sha256 AS file
  FROM files f
 WHERE (deleting_at IS NULL OR deleting_at < :stale)
   AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.file = f.sha256)
 LIMIT :limit;

-- name: mark
UPDATE files
   SET deleting_at = :now
 WHERE sha256 = :file AND (deleting_at IS NULL OR deleting_at < :stale)
   AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.file = files.sha256)
RETURNING derived;

-- name: drop_file
DELETE FROM files
 WHERE sha256 = :file AND deleting_at = :marked;

-- name: adopt
INSERT INTO files
  (sha256, size, type, kind, trouble, cut, pages, width, height, derived, created_at, deleting_at,
   text)
VALUES (:file, 0, '', 'other', '', 0, 0, 0, 0, '', :now, :now, '')
ON CONFLICT (sha256) DO NOTHING;

-- name: known
SELECT sha256 AS file
  FROM files
 WHERE sha256 IN (SELECT value FROM json_each(:ids));
