-- load: how much there is to do, for monitors.
select
    (select count(*) from core.trial_state where status = 'pending') as "pending!",
    leases.running as "running!",
    workers.alive as "workers_alive!",
    workers.lost as "workers_lost!",
    workers.draining as "workers_draining!",
    leases.oldest as "oldest_attempt_seconds!",
    leases.seconds_left as "lease_seconds_left!"
from (
    select
        count(*) as running,
        coalesce(extract(epoch from max(now() - attempt.started_at)), 0)::double precision as oldest,
        coalesce(extract(epoch from min(lease.expires_at - now())), 0)::double precision as seconds_left
    from core.lease
    join core.attempt using (trial_id, attempt)
) leases
cross join (
    select
        count(*) filter (where expires_at >= now()) as alive,
        count(*) filter (where expires_at < now()) as lost,
        count(*) filter (where expires_at >= now() and drain is not null) as draining
    from core.worker
) workers
