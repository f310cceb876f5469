-- name: living
SELECT id
  FROM sessions
 WHERE id IN (SELECT jsonb_array_elements_text(CAST(CAST(:ids AS TEXT) AS JSONB)));
