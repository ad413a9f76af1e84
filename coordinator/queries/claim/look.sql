-- look: which of these requests were answered before, and whether any trial waits; locks and writes nothing, so that
-- looking in vain costs next to nothing
select
    array(
        select distinct wanted.request_id
        from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as wanted (worker_id, instance_id, request_id)
        join core.lease using (worker_id, instance_id, request_id)
    ) as "answered!",
    exists (
        select from core.trial_state where status = 'pending' and run_after <= now()
    ) as "waiting!"
