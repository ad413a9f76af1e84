create view batchsweep.trial as
select
    trial.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    state.status,
    trial.batch_size,
    trial.learning_rate,
    trial.optimizer,
    trial.seed,
    trial.parameters,
    state.attempt::bigint as attempts,
    state.failures::bigint as failures,
    state.preemptions::bigint as preemptions,
    worker.name as worker,
    lease.phase,
    lease.step,
    nullif(lease.total_steps, 0) as total_steps,
    lease.train_loss,
    nullif(lease.micro_batch, 0) as micro_batch,
    case when state.status = 'pending' then state.run_after end as run_after,
    state.ended_at as finished_at
from core.trial
join core.sweep using (sweep_id)
join core.trial_state state on state.trial_id = trial.trial_id
left join core.lease on lease.trial_id = trial.trial_id
left join core.worker on worker.worker_id = lease.worker_id;

comment on view batchsweep.trial is 'One row a trial: its place in the grid, and where it is now.';
comment on column batchsweep.trial.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.trial.sweep_name is 'Name of the sweep; NULL for none.';
comment on column batchsweep.trial.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.trial.trial_index is 'Place in the grid, from 0.';
comment on column batchsweep.trial.status is 'pending, running, succeeded, diverged, infeasible, failed or cancelled.';
comment on column batchsweep.trial.batch_size is 'Examples per optimizer step.';
comment on column batchsweep.trial.learning_rate is 'Learning rate at its full height.';
comment on column batchsweep.trial.optimizer is 'sgd, adam, adamw or rmsprop.';
comment on column batchsweep.trial.seed is 'Seed of weights, data order and, unless fixed, synthetic data.';
comment on column batchsweep.trial.parameters is 'JSON object: the value of every axis, in the grid''s order.';
comment on column batchsweep.trial.attempts is 'Number of times a worker took it.';
comment on column batchsweep.trial.failures is 'Number of attempts that ended in an error or with their worker, since the last retry by hand.';
comment on column batchsweep.trial.preemptions is 'Number of attempts that a stopping worker gave back.';
comment on column batchsweep.trial.worker is 'Name of the worker it runs on; NULL unless running.';
comment on column batchsweep.trial.phase is 'preparing, training or evaluating; NULL unless running.';
comment on column batchsweep.trial.step is 'Optimizer steps done; NULL unless running.';
comment on column batchsweep.trial.total_steps is 'Optimizer steps in all; NULL unless running, and while unknown.';
comment on column batchsweep.trial.train_loss is 'The latest step loss; NULL unless running, before the first step, and where it is not finite.';
comment on column batchsweep.trial.micro_batch is 'Examples in the largest micro-batch; NULL unless running, and while unknown.';
comment on column batchsweep.trial.run_after is 'Not handed out before this time; NULL unless pending.';
comment on column batchsweep.trial.finished_at is 'When it ended; NULL before.';
