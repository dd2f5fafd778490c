-- name: try_job_lock
-- Take the lock of a job for this session unless another session has it.
SELECT pg_try_advisory_lock(hashtextextended('terroir job ' || %(job)s::text, 0));

-- name: release_job_lock
-- Give the lock of a job back.
SELECT pg_advisory_unlock(hashtextextended('terroir job ' || %(job)s::text, 0));
