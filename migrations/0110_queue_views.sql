-- Private views of the queue: how far each sweep is, and what a claim hands out.

-- How far each sweep is, for the coordinator and for the public views. Counted anew at each look: a running total on
-- the sweep's row would be the one row that every worker waits for.
create view core.sweep_progress as
select
    sweep.sweep_id,
    case
        when counts.pending + counts.running = 0 then 'finished'
        when sweep.cancelled is not null then 'cancelled'
        when sweep.paused then 'paused'
        else 'active'
    end as state,
    counts.trials,
    counts.pending,
    counts.running,
    counts.succeeded,
    counts.diverged,
    counts.infeasible,
    counts.failed,
    counts.cancelled,
    case when counts.pending + counts.running = 0 then counts.last_ended_at end as finished_at
from core.sweep
cross join lateral (
    select
        count(*) as trials,
        count(*) filter (where status = 'pending') as pending,
        count(*) filter (where status = 'running') as running,
        count(*) filter (where status = 'succeeded') as succeeded,
        count(*) filter (where status = 'diverged') as diverged,
        count(*) filter (where status = 'infeasible') as infeasible,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'cancelled') as cancelled,
        max(ended_at) as last_ended_at
    from core.trial_state
    where trial_state.sweep_id = sweep.sweep_id
) counts;
comment on view core.sweep_progress is 'How far each sweep is.';
comment on column core.sweep_progress.sweep_id is 'The sweep.';
comment on column core.sweep_progress.state is 'active, paused, cancelled (trials may still be ending) or finished (every trial has ended).';
comment on column core.sweep_progress.trials is 'Trials in all.';
comment on column core.sweep_progress.pending is 'Trials that wait.';
comment on column core.sweep_progress.running is 'Trials on a worker.';
comment on column core.sweep_progress.succeeded is 'Trials trained to the end.';
comment on column core.sweep_progress.diverged is 'Trials that diverged.';
comment on column core.sweep_progress.infeasible is 'Trials that did not fit.';
comment on column core.sweep_progress.failed is 'Trials out of tries.';
comment on column core.sweep_progress.cancelled is 'Trials stopped by somebody.';
comment on column core.sweep_progress.finished_at is 'When the last trial ended; NULL before.';

-- What a worker is told of a trial besides its lease, the same whether the lease is new or was given before. Each row is
-- looked up by its key, by an array of one: an equality of columns lets Postgres read all of a table that it takes to be
-- small, and the plan is kept when it has grown.
create view core.handed_out as
select
    trial.trial_id,
    trial.trial_index,
    trial.settings,
    trial.batch_size,
    array(
        select killed.micro_batch
        from core.attempt killed
        where killed.trial_id = any (array[trial.trial_id])
            and killed.error_kind = 'suspected_host_oom'
            -- One that had saved its progress was at its memory's peak for long enough to say that it is not to blame.
            and not killed.got_further
        order by killed.attempt
    ) as killed_at,
    checkpoint.attempt as checkpoint_attempt,
    checkpoint.step as checkpoint_step,
    checkpoint.examples as checkpoint_examples,
    checkpoint.last_seq as checkpoint_last_seq,
    checkpoint.path as checkpoint_path,
    checkpoint.sha256 as checkpoint_sha256,
    checkpoint.bytes as checkpoint_bytes,
    sweep.data_sha256
from core.trial
join core.sweep on sweep.sweep_id = any (array[trial.sweep_id])
left join core.checkpoint on checkpoint.trial_id = any (array[trial.trial_id]);

comment on view core.handed_out is 'One row a trial: what the worker that claims it is told.';
comment on column core.handed_out.trial_id is 'The trial.';
comment on column core.handed_out.trial_index is 'Its place in the grid, from 0.';
comment on column core.handed_out.settings is 'Its settings, encoded as on the wire.';
comment on column core.handed_out.batch_size is 'Examples per optimizer step.';
comment on column core.handed_out.killed_at is 'The micro-batches of its attempts that were killed by signal 9 before they saved any progress; 0 where not known.';
comment on column core.handed_out.checkpoint_attempt is 'The attempt that saved its newest checkpoint; NULL without one, as are the other columns of it.';
comment on column core.handed_out.checkpoint_step is 'Optimizer steps done in it.';
comment on column core.handed_out.checkpoint_examples is 'Training examples seen in it.';
comment on column core.handed_out.checkpoint_last_seq is 'Number of the last record before it.';
comment on column core.handed_out.checkpoint_path is 'Where it is in the store.';
comment on column core.handed_out.checkpoint_sha256 is 'Hash of its file.';
comment on column core.handed_out.checkpoint_bytes is 'Size of its file.';
comment on column core.handed_out.data_sha256 is 'Hash of the files that its sweep''s trials are trained on, once it is known.';
