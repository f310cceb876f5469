-- name: enrol
INSERT INTO workers (beat)
VALUES (0)
RETURNING no;

-- name: beat
-- The row may have been swept away while the process could not be seen.
INSERT INTO workers (no, beat)
VALUES (:worker, 1)
ON CONFLICT (no) DO UPDATE
   SET beat = workers.beat + 1;

-- name: leave
DELETE FROM workers
 WHERE no = :worker;

-- name: writers
-- Who else has replies to write, how often they have said that they live, and whether they are
-- connected. One process has nobody to look at.
SELECT worker, 0 AS beat, 0 AS connected
  FROM replies
 WHERE state IN ('pending', 'streaming') AND worker <> :worker;
