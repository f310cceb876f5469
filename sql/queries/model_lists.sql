-- name: all
SELECT endpoint, label, models
  FROM model_lists;

-- name: keep
INSERT INTO model_lists (endpoint, label, models)
VALUES (:endpoint, :label, :models)
ON CONFLICT (endpoint) DO UPDATE
   SET label = :label, models = :models;
