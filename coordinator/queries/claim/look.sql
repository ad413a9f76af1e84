-- look: which of these requests were answered before, and whether any trial waits; locks and writes nothing, so that
-- looking in vain costs next to nothing. What waits is looked for along the queue's index: read in any other order, all that
-- has ended would be read first.
select
    array(
        select distinct wanted.request_id
        from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as wanted (worker_id, instance_id, request_id)
        join core.lease
            on lease.worker_id = any (array[wanted.worker_id])
            and lease.request_id = wanted.request_id
            and lease.instance_id = wanted.instance_id
    ) as "answered!",
    exists (
        select
        from (
            select
            from core.trial_state
            where status = 'pending' and (run_after <= now() or run_after > now() + interval '1 hour')
            order by sweep_id, priority desc, run_after, trial_id
            limit 1
        ) first
    ) as "waiting!"
