-- leases_of_requests: what was handed out under these requests before and is still held
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
from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as wanted (worker_id, instance_id, request_id)
join core.lease
    on lease.worker_id = any (array[wanted.worker_id])
    and lease.request_id = wanted.request_id
    and lease.instance_id = wanted.instance_id
join core.worker on worker.worker_id = any (array[wanted.worker_id])
join core.handed_out on handed_out.trial_id = any (array[lease.trial_id])
left join core.sweep_data
    on sweep_data.sweep_id = any (array[lease.sweep_id])
    and sweep_data.fleet = core.fleet_of(worker.principal)
order by lease.request_id, lease.request_index
