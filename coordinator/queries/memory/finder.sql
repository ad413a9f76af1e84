-- finder: the trial of an attempt that tells what it found, the device of its worker, and the data that its fleet $4 has
select
    trial.sweep_id,
    trial.settings,
    sweep.spec,
    sweep_data.data_sha256 as "data_sha256?",
    worker.device,
    worker.device_description,
    worker.libtorch_version
from core.attempt
join core.trial using (trial_id)
join core.sweep on sweep.sweep_id = trial.sweep_id
join core.worker on worker.worker_id = attempt.worker_id
left join core.sweep_data on sweep_data.sweep_id = trial.sweep_id and sweep_data.fleet = $4
where attempt.trial_id = $1 and attempt.attempt = $2 and attempt.token = $3
