-- name: some
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived, '' AS text
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
 WHERE a.account_id = :account_id
   AND a.id IN (SELECT jsonb_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSONB)))
 ORDER BY a.created_at, a.id;

-- name: of_messages
SELECT a.id, a.message_id, a.name, a.file, a.created_at, f.size, f.type, f.kind, f.trouble, f.cut,
       f.pages, f.width, f.height, f.derived,
       CASE WHEN CAST(:texts AS INTEGER) = 1 THEN f.text ELSE '' END AS text
  FROM attachments a
  JOIN files f ON f.sha256 = a.file
 WHERE a.account_id = :account_id
   AND a.message_id IN (SELECT jsonb_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSONB)))
 ORDER BY a.message_id, a.position, a.created_at, a.id;

-- name: known
SELECT sha256 AS file
  FROM files
 WHERE sha256 IN (SELECT jsonb_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSONB)));
