-- leases_of_requests: what was handed out under these requests and is still held
select
    lease.request_id,
    lease.trial_id,
    lease.attempt,
    lease.token,
    lease.sweep_id,
    trial.trial_index,
    trial.settings,
    trial.batch_size,
    array(
        select killed.micro_batch
        from core.attempt killed
        where killed.trial_id = lease.trial_id
            and killed.attempt < lease.attempt
            and killed.error_kind = 'suspected_host_oom'
            -- One that had saved its progress was at its memory's peak for long enough to say that it is not to blame.
            and not killed.got_further
        order by killed.attempt
    ) as "killed_at!",
    checkpoint.attempt as "checkpoint_attempt?",
    checkpoint.step as "checkpoint_step?",
    checkpoint.examples as "checkpoint_examples?",
    checkpoint.last_seq as "checkpoint_last_seq?",
    checkpoint.path as "checkpoint_path?",
    checkpoint.sha256 as "checkpoint_sha256?",
    checkpoint.bytes as "checkpoint_bytes?",
    sweep.spec,
    sweep.data_sha256,
    worker.device,
    worker.device_description,
    worker.libtorch_version
from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as wanted (worker_id, instance_id, request_id)
join core.lease using (worker_id, instance_id, request_id)
join core.trial using (trial_id)
join core.sweep on sweep.sweep_id = lease.sweep_id
join core.worker on worker.worker_id = lease.worker_id
left join core.checkpoint on checkpoint.trial_id = lease.trial_id
order by lease.request_id, lease.request_index
