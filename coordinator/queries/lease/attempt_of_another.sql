-- attempt_of_another: whether somebody else than $3 made or makes this attempt
select exists (
    select
    from core.attempt
    join core.worker using (worker_id)
    where attempt.trial_id = $1 and attempt.attempt = $2 and worker.principal is distinct from $3
) as "of_another!"
