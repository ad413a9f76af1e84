-- How far each sweep is, for the coordinator and for the views below. Counted anew at each look: a running total on
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
    sweep.source
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
