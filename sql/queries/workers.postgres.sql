-- name: writers
-- Read from the list of locks: trying them would look like holding them to others who look.
SELECT r.worker, COALESCE(w.beat, 0) AS beat,
       EXISTS (SELECT 1
                 FROM pg_locks l
                WHERE l.locktype = 'advisory' AND l.classid = 77 AND l.objid::BIGINT = r.worker
                  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND l.objsubid = 2 AND l.granted) AS connected
  FROM (SELECT DISTINCT worker
          FROM replies
         WHERE state IN ('pending', 'streaming') AND worker <> :worker) r
  LEFT JOIN workers w ON w.no = r.worker;
