-- insert_leases: and the attempt that each of them starts; gives what the workers are told, as leases_of_requests does
with new as (
    select *
    from unnest(
        $1::uuid[], $2::integer[], $3::bytea[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::integer[]
    ) as new (trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index)
),
started as (
    insert into core.attempt (trial_id, attempt, token, worker_id, instance_id, principal)
    select trial_id, attempt, token, new.worker_id, new.instance_id, worker.principal
    from new
    join core.worker on worker.worker_id = any (array[new.worker_id])
),
lease as (
    insert into core.lease (
        trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index, expires_at
    )
    select
        trial_id, attempt, token, sweep_id, worker_id, instance_id, request_id, request_index,
        clock_timestamp() + make_interval(secs => $9)
    from new
    returning *
)
select
    lease.request_id,
    lease.trial_id,
    lease.attempt,
    lease.token,
    lease.sweep_id,
    handed_out.trial_index as "trial_index!",
    handed_out.settings as "settings!",
    handed_out.killed_at as "killed_at!",
    handed_out.killed_fleets as "killed_fleets!",
    handed_out.checkpoint_attempt,
    handed_out.checkpoint_step,
    handed_out.checkpoint_examples,
    handed_out.checkpoint_last_seq,
    handed_out.checkpoint_path,
    handed_out.checkpoint_sha256,
    handed_out.checkpoint_bytes,
    handed_out.checkpoint_fleet,
    sweep_data.data_sha256 as "data_sha256?",
    worker.principal,
    worker.device,
    worker.device_description,
    worker.libtorch_version
from lease
join core.worker on worker.worker_id = any (array[lease.worker_id])
join core.handed_out on handed_out.trial_id = any (array[lease.trial_id])
left join core.sweep_data
    on sweep_data.sweep_id = any (array[lease.sweep_id])
    and sweep_data.fleet = core.fleet_of(worker.principal)
order by lease.request_id, lease.request_index
