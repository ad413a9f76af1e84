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
comment on column batchsweep.attempt.error_kind is 'input, trainer, crash, suspected_host_oom or worker_lost; NULL unless failed.';
comment on column batchsweep.attempt.error is 'What went wrong, or why it was given back; NULL where there is nothing to tell.';
comment on column batchsweep.attempt.will_retry is 'Whether the trial went back into the queue; NULL unless failed.';
comment on column batchsweep.attempt.records is 'Number of records (metrics, splits, log lines) stored.';
comment on column batchsweep.attempt.started_at is 'When the trial was claimed.';
comment on column batchsweep.attempt.finished_at is 'When the attempt ended; NULL while it runs.';
