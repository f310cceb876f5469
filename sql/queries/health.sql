-- name: ready
SELECT 1 AS answer;
