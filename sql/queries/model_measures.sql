-- name: all
SELECT model, size, ratio
  FROM model_measures;

-- name: keep
INSERT INTO model_measures (model, size, ratio)
VALUES (:model, :size, :ratio)
ON CONFLICT (model) DO UPDATE
   SET size = :size, ratio = :ratio;
