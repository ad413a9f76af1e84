-- renew_leases: all of a heartbeat in one statement, locked in one order; $10 is the caller's name, NULL where nobody has
-- one
with beat as (
    select *
    from unnest(
        $1::uuid[], $2::integer[], $3::bytea[], $4::text[], $5::bigint[], $6::bigint[], $7::double precision[],
        $8::bigint[]
    ) as beat (trial_id, attempt, token, phase, step, total_steps, train_loss, micro_batch)
),
held as materialized (
    select lease.trial_id, worker.drain is not distinct from 'hand_over' as hand_over
    from beat
    join core.lease
        on lease.trial_id = any (array[beat.trial_id])
        and lease.attempt = beat.attempt
        and lease.token = beat.token
    join core.worker on worker.worker_id = any (array[lease.worker_id])
    where $10::text is null or worker.principal = $10
    order by beat.trial_id
    for update of lease
)
update core.lease
set
    expires_at = clock_timestamp() + make_interval(secs => $9),
    phase = beat.phase,
    step = beat.step,
    total_steps = beat.total_steps,
    train_loss = beat.train_loss,
    micro_batch = beat.micro_batch
from held
join beat using (trial_id)
where lease.trial_id = any (array[held.trial_id]) and lease.attempt = beat.attempt and lease.token = beat.token
returning
    lease.trial_id,
    lease.attempt,
    lease.token,
    exists (
        select from core.sweep where sweep.sweep_id = lease.sweep_id and sweep.cancelled = 'stop'
    ) as "stop!",
    exists (
        select from core.decision where decision.trial_id = lease.trial_id and decision.action = 'stop'
    ) as "conclude!",
    held.hand_over as "hand_over!"
