-- finder: the trial of an attempt that tells what it found, and the device of its worker
select
    trial.sweep_id,
    trial.settings,
    sweep.spec,
    sweep.data_sha256,
    worker.device,
    worker.device_description,
    worker.libtorch_version
from core.attempt
join core.trial using (trial_id)
join core.sweep on sweep.sweep_id = trial.sweep_id
join core.worker on worker.worker_id = attempt.worker_id
where attempt.trial_id = $1 and attempt.attempt = $2 and attempt.token = $3
