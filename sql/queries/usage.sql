-- The index replies_used holds all of this, in the order of the innermost GROUP BY; sums of sums,
-- because what is left to sort then are a few thousand rows instead of all replies.
-- PostgreSQL's SUM makes a NUMERIC of whole numbers: hence CAST.

-- name: by_day
SELECT day AS key, '' AS name, COUNT(*) AS replies,
       CAST(SUM(input_tokens) AS INTEGER) AS input, CAST(SUM(cached_tokens) AS INTEGER) AS cached,
       CAST(SUM(output_tokens) AS INTEGER) AS output,
       CAST(SUM(reasoning_tokens) AS INTEGER) AS reasoning,
       CAST(COALESCE(SUM(cost), 0) AS INTEGER) AS cost,
       COUNT(*) - COUNT(cost) AS unpriced, MAX(estimated) AS estimated
  FROM replies
 WHERE account_id = :account_id AND day >= :since AND input_tokens + output_tokens > 0
 GROUP BY day
 ORDER BY day;

-- name: by_model
SELECT u.model AS key,
       (SELECT r.model_name FROM replies r
         WHERE r.account_id = :account_id AND r.day = u.day AND r.model = u.model
           AND r.input_tokens + r.output_tokens > 0
         LIMIT 1) AS name,
       u.replies, u.input, u.cached, u.output, u.reasoning, u.cost, u.unpriced, u.estimated
  FROM (SELECT model, MAX(day) AS day, CAST(SUM(n) AS INTEGER) AS replies,
               CAST(SUM(i) AS INTEGER) AS input, CAST(SUM(c) AS INTEGER) AS cached,
               CAST(SUM(o) AS INTEGER) AS output, CAST(SUM(t) AS INTEGER) AS reasoning,
               CAST(COALESCE(SUM(p), 0) AS INTEGER) AS cost,
               CAST(SUM(n) - SUM(k) AS INTEGER) AS unpriced, MAX(e) AS estimated
          FROM (SELECT model, day, COUNT(*) AS n, SUM(input_tokens) AS i, SUM(cached_tokens) AS c,
                       SUM(output_tokens) AS o, SUM(reasoning_tokens) AS t, SUM(cost) AS p,
                       COUNT(cost) AS k, MAX(estimated) AS e
                  FROM replies
                 WHERE account_id = :account_id AND day >= :since
                   AND input_tokens + output_tokens > 0
                 GROUP BY day, conversation_id, model) parts
         GROUP BY model) u
 ORDER BY u.cost DESC, u.input + u.output DESC, u.model
 LIMIT :limit;

-- name: by_conversation
SELECT u.id AS key, c.title AS name,
       u.replies, u.input, u.cached, u.output, u.reasoning, u.cost, u.unpriced, u.estimated
  FROM (SELECT conversation_id AS id, CAST(SUM(n) AS INTEGER) AS replies,
               CAST(SUM(i) AS INTEGER) AS input, CAST(SUM(c) AS INTEGER) AS cached,
               CAST(SUM(o) AS INTEGER) AS output, CAST(SUM(t) AS INTEGER) AS reasoning,
               CAST(COALESCE(SUM(p), 0) AS INTEGER) AS cost,
               CAST(SUM(n) - SUM(k) AS INTEGER) AS unpriced, MAX(e) AS estimated
          FROM (SELECT conversation_id, COUNT(*) AS n, SUM(input_tokens) AS i,
                       SUM(cached_tokens) AS c, SUM(output_tokens) AS o,
                       SUM(reasoning_tokens) AS t, SUM(cost) AS p, COUNT(cost) AS k,
                       MAX(estimated) AS e
                  FROM replies
                 WHERE account_id = :account_id AND day >= :since
                   AND input_tokens + output_tokens > 0
                 GROUP BY day, conversation_id) parts
         GROUP BY conversation_id
         ORDER BY COALESCE(SUM(p), 0) DESC, SUM(i) + SUM(o) DESC, conversation_id
         LIMIT :limit) u
  JOIN conversations c ON c.id = u.id AND c.account_id = :account_id
 ORDER BY u.cost DESC, u.input + u.output DESC, u.id;
