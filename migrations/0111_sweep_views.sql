-- Public views of what is going on: sweeps, their queue, trials, attempts, workers.

create view batchsweep.sweep as
select
    sweep.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    progress.state,
    progress.trials,
    progress.pending,
    progress.running,
    progress.succeeded,
    progress.diverged,
    progress.infeasible,
    progress.failed,
    progress.cancelled,
    sweep.created_at,
    progress.finished_at,
    sweep.source,
    sweep.data_sha256,
    sweep.weight,
    case when progress.state = 'paused' then sweep.pause_reason end as pause_reason
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on view batchsweep.sweep is 'One row a sweep: what was submitted, and how far it is.';
comment on column batchsweep.sweep.sweep_id is 'UUID as text.';
comment on column batchsweep.sweep.sweep_name is 'Its name in the sweep file; NULL for none.';
comment on column batchsweep.sweep.state is 'active, paused, cancelled (trials may still be ending) or finished (every trial has ended).';
comment on column batchsweep.sweep.trials is 'Number of trials in all.';
comment on column batchsweep.sweep.pending is 'Number of trials that wait.';
comment on column batchsweep.sweep.running is 'Number of trials on a worker.';
comment on column batchsweep.sweep.succeeded is 'Number of trials trained to the end.';
comment on column batchsweep.sweep.diverged is 'Number of trials that diverged: a result, not a failure.';
comment on column batchsweep.sweep.infeasible is 'Number of trials of which not even one example at a time fits: a result, not a failure.';
comment on column batchsweep.sweep.failed is 'Number of trials of which every attempt ended in an error.';
comment on column batchsweep.sweep.cancelled is 'Number of trials that somebody stopped.';
comment on column batchsweep.sweep.created_at is 'When it was submitted.';
comment on column batchsweep.sweep.finished_at is 'When its last trial ended; NULL before.';
comment on column batchsweep.sweep.source is 'The sweep file as typed; empty when none was sent.';
comment on column batchsweep.sweep.data_sha256 is 'SHA-256 of the files that its trials are trained on, as hex digits; NULL before the first of them is prepared, and for data without files.';
comment on column batchsweep.sweep.weight is 'Its share of the workers beside other sweeps: one of weight 2 runs twice as many trials at a time as one of weight 1.';
comment on column batchsweep.sweep.pause_reason is 'Why it was paused by itself; NULL where somebody paused it, or it is not paused.';

create view batchsweep.queue_depth as
select
    sweep.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    progress.state,
    progress.pending,
    ready.ready,
    progress.running
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id
cross join lateral (
    select count(*) as ready
    from core.trial_state
    where trial_state.sweep_id = sweep.sweep_id
        and trial_state.status = 'pending'
        and trial_state.run_after <= now()
        and progress.state = 'active'
) ready
where progress.state <> 'finished';

comment on view batchsweep.queue_depth is 'One row an unfinished sweep: how much of it waits and runs.';
comment on column batchsweep.queue_depth.sweep_id is 'UUID as text.';
comment on column batchsweep.queue_depth.sweep_name is 'Its name in the sweep file; NULL for none.';
comment on column batchsweep.queue_depth.state is 'active, paused or cancelled.';
comment on column batchsweep.queue_depth.pending is 'Number of trials that wait.';
comment on column batchsweep.queue_depth.ready is 'Number of those that a worker would get now: not paused, not waiting for the time of their next try.';
comment on column batchsweep.queue_depth.running is 'Number of trials on a worker.';

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

create view batchsweep.attempt as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    attempt.attempt::bigint as attempt,
    worker.name as worker,
    coalesce(attempt.outcome, 'running') as outcome,
    attempt.error_kind,
    attempt.error,
    attempt.will_retry,
    coalesce(lease.acked_seq, attempt.acked_seq) as records,
    attempt.started_at,
    attempt.finished_at
from core.trial
join core.attempt on attempt.trial_id = trial.trial_id
join core.worker on worker.worker_id = attempt.worker_id
left join core.lease on lease.trial_id = attempt.trial_id and lease.attempt = attempt.attempt;

comment on view batchsweep.attempt is 'One row a try: who tried a trial, and what became of it. Every error is kept here.';
comment on column batchsweep.attempt.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.attempt.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.attempt.trial_index is 'Place in the grid, from 0.';
comment on column batchsweep.attempt.attempt is 'Which attempt of the trial, from 1.';
comment on column batchsweep.attempt.worker is 'Name of the worker.';
comment on column batchsweep.attempt.outcome is 'running, succeeded, diverged, infeasible, failed, released (given back by a stopping worker) or cancelled.';
comment on column batchsweep.attempt.error_kind is 'input (the trial cannot be trained as asked), files (its data or model is missing or broken on that worker), trainer, crash, suspected_host_oom, hung (no progress), spool_full (no room for records) or worker_lost; NULL unless failed.';
comment on column batchsweep.attempt.error is 'What went wrong, or why it was given back; NULL where there is nothing to tell.';
comment on column batchsweep.attempt.will_retry is 'Whether the trial went back into the queue; NULL unless failed.';
comment on column batchsweep.attempt.records is 'Number of records (metrics, splits, log lines) stored.';
comment on column batchsweep.attempt.started_at is 'When the trial was claimed.';
comment on column batchsweep.attempt.finished_at is 'When the attempt ended; NULL while it runs.';

create view batchsweep.worker as
select
    worker.worker_id::text as worker_id,
    worker.name as worker,
    case
        when worker.expires_at < now() then 'lost'
        when worker.drain is not null and held.running > 0 then 'draining'
        when worker.drain is not null then 'drained'
        when held.running > 0 then 'busy'
        else 'idle'
    end as status,
    held.running,
    worker.device,
    worker.device_description,
    worker.memory_bytes,
    worker.memory_limit_bytes,
    worker.threads::bigint as threads,
    worker.version,
    worker.libtorch_version,
    worker.registered_at,
    worker.seen_at,
    worker.drain is not null as draining
from core.worker
cross join lateral (
    select count(*) as running from core.lease where lease.worker_id = worker.worker_id
) held;

comment on view batchsweep.worker is 'One row a worker: who is there, and on what device.';
comment on column batchsweep.worker.worker_id is 'UUID as text; stays with the name.';
comment on column batchsweep.worker.worker is 'Its name.';
comment on column batchsweep.worker.status is 'idle, busy, draining (gets no trial, and still holds some), drained (gets no trial, holds none), or lost (not heard of for a lease''s time, stopped or cut off).';
comment on column batchsweep.worker.running is 'Number of trials it holds.';
comment on column batchsweep.worker.device is 'Where it trains: cpu or cuda:0.';
comment on column batchsweep.worker.device_description is 'What the device is.';
comment on column batchsweep.worker.memory_bytes is 'Memory of the device, in bytes.';
comment on column batchsweep.worker.memory_limit_bytes is 'The worker''s own limit, in bytes; NULL for none.';
comment on column batchsweep.worker.threads is 'CPU threads it computes with.';
comment on column batchsweep.worker.version is 'Version of the worker binary.';
comment on column batchsweep.worker.libtorch_version is 'Version of libtorch.';
comment on column batchsweep.worker.registered_at is 'When its process registered.';
comment on column batchsweep.worker.seen_at is 'When it was last heard of.';
comment on column batchsweep.worker.draining is 'Whether it is taken out of service: it gets no trial until `batchsweep workers resume`.';
