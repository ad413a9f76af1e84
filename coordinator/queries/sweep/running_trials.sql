-- running_trials
select
    trial.trial_id,
    trial.trial_index,
    trial.batch_size,
    trial.learning_rate,
    trial.seed,
    worker.name as worker,
    lease.attempt,
    lease.phase,
    lease.step,
    lease.total_steps,
    lease.train_loss,
    lease.micro_batch
from core.lease
join core.trial using (trial_id)
join core.worker using (worker_id)
where lease.sweep_id = $1
order by trial.trial_index
