-- insert_leases: and the attempt that each of them starts
with new as (
    select *
    from unnest(
        $1::uuid[], $2::integer[], $3::bytea[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::integer[]
    ) as new (trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index)
),
started as (
    insert into core.attempt (trial_id, attempt, token, worker_id, instance_id)
    select trial_id, attempt, token, worker_id, instance_id
    from new
)
insert into core.lease (
    trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index, expires_at
)
select
    trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index,
    clock_timestamp() + make_interval(secs => $9)
from new
