-- Sweeps that train a part of their grid: trials that wait for the search to decide on them, what it decided, and why.

alter table core.trial_state drop constraint trial_state_status_known;
alter table core.trial_state add constraint trial_state_status_known check (
    status in (
        'undecided', 'pending', 'running', 'succeeded', 'diverged', 'infeasible', 'stopped', 'skipped', 'failed', 'cancelled'
    )
);
alter table core.trial_state drop constraint trial_state_accepted;
alter table core.trial_state add constraint trial_state_accepted check (
    (status in ('succeeded', 'diverged', 'infeasible', 'stopped')) = (accepted_attempt is not null)
);
alter table core.trial_state drop constraint trial_state_ended;
alter table core.trial_state add constraint trial_state_ended check (
    (status in ('undecided', 'pending', 'running')) = (ended_at is null)
);
comment on column core.trial_state.status is 'undecided (the search has not decided yet whether it is trained), pending, running, succeeded, diverged, infeasible, stopped (ended early by the search), skipped (left out by the search), failed or cancelled.';

alter table core.attempt drop constraint attempt_outcome_known;
alter table core.attempt add constraint attempt_outcome_known check (
    outcome in ('succeeded', 'diverged', 'infeasible', 'stopped', 'failed', 'released', 'cancelled')
);
comment on column core.attempt.outcome is 'NULL while it runs; then succeeded, diverged, infeasible, stopped, failed, released or cancelled.';

create table core.search (
    sweep_id  uuid    not null,
    decisions bigint  not null default 0,
    is_over   boolean not null default false,
    stops     boolean not null,

    constraint search_pkey primary key (sweep_id),
    constraint search_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id),
    constraint search_counts check (decisions >= 0)
);

-- What is looked at once a second.
create index search_open on core.search (sweep_id) where not is_over;

comment on table core.search is 'One row a sweep with [search]. Whoever decides locks it, so that decisions follow one another.';
comment on column core.search.sweep_id is 'The sweep.';
comment on column core.search.decisions is 'Decisions so far; the number of the next one.';
comment on column core.search.is_over is 'Whether it has decided on every trial.';
comment on column core.search.stops is 'Whether it ends running trials early.';

-- How a trial goes is read again and again while it runs, and is a few points among thousands of steps: train_set_loss,
-- validation_loss, validation_error.
create index metric_evaluations on core.metric (trial_id, attempt) where metric_name in (2, 5, 7);

create table core.decision_reason (
    action      text not null,
    reason      text not null,
    explanation text not null,

    constraint decision_reason_pkey primary key (action, reason)
);

comment on table core.decision_reason is 'The reasons that a decision may have; those of domain::search.';
comment on column core.decision_reason.action is 'begin, stop or skip.';
comment on column core.decision_reason.reason is 'In a word.';
comment on column core.decision_reason.explanation is 'In a sentence.';

insert into core.decision_reason (action, reason, explanation) values
    ('begin', 'every_cell', 'every cell of the grid is trained'),
    ('begin', 'scan', 'a coarse scan of the middle batch size comes first'),
    ('begin', 'start', 'this batch size starts at the best learning rate of a neighbouring one'),
    ('begin', 'bracket', 'the best learning rate of this batch size needs a worse one on either side'),
    ('begin', 'retreat', 'no learning rate tried so far at this batch size has a score'),
    ('begin', 'extend', 'the best learning rate sits on the edge of the grid, so the axis grows'),
    ('begin', 'shape', 'by the shape of all batch sizes together, a better learning rate may lie here'),
    ('begin', 'probe', 'a batch size near the best one has not been tried'),
    ('begin', 'surface', 'by the surface through the trials so far, the best cell may lie here'),
    ('begin', 'seed', 'this cell and the best one cannot be distinguished yet'),
    ('begin', 'repeat', 'each chosen cell is trained with every seed'),
    ('begin', 'ahead', 'a worker is free, and this cell is likely to be needed'),
    ('stop', 'hopeless', 'it can no longer become the best of its batch size'),
    ('skip', 'limit', 'as many trials were begun as `max_trials` allows'),
    ('skip', 'infeasible', 'this batch size does not fit in memory'),
    ('skip', 'wall', 'a smaller learning rate of this batch size diverged'),
    ('skip', 'inside', 'the best learning rate does not sit on the edge of the grid'),
    ('skip', 'bracketed', 'the best learning rate of this batch size lies between two that are worse'),
    ('skip', 'elsewhere', 'the best cell lies elsewhere'),
    ('skip', 'distinguished', 'more seeds of this cell would not change which is best'),
    ('skip', 'hopeless', 'no learning rate of this batch size gave a score');

create table core.decision (
    sweep_id       uuid        not null,
    decision_index bigint      not null,
    trial_id       uuid        not null,
    action         text        not null,
    reason         text        not null,
    because        bigint[]    not null,
    decided_at     timestamptz not null default now(),

    constraint decision_pkey primary key (sweep_id, decision_index),
    constraint decision_search_fkey foreign key (sweep_id) references core.search (sweep_id),
    constraint decision_trial_fkey foreign key (trial_id) references core.trial (trial_id),
    constraint decision_reason_fkey foreign key (action, reason) references core.decision_reason (action, reason),
    constraint decision_counts check (decision_index >= 0)
);

create index decision_trial on core.decision (trial_id);

comment on table core.decision is 'One row a decision of a search, made in the transaction that carries it out.';
comment on column core.decision.sweep_id is 'The sweep.';
comment on column core.decision.decision_index is 'Its place among the sweep''s decisions, from 0.';
comment on column core.decision.trial_id is 'The trial that it is about.';
comment on column core.decision.action is 'begin, stop or skip.';
comment on column core.decision.reason is 'Why, in a word.';
comment on column core.decision.because is 'The trials whose results led to it, by their places in the grid.';
comment on column core.decision.decided_at is 'When.';

create view batchsweep.decision as
select
    decision.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    decision.decision_index,
    decision.decided_at,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    trial.batch_size,
    trial.learning_rate,
    trial.seed,
    trial.parameters,
    decision.action,
    decision.reason,
    decision_reason.explanation,
    array_to_json(decision.because)::text as because
from core.decision
join core.sweep using (sweep_id)
join core.trial on trial.trial_id = decision.trial_id
join core.decision_reason using (action, reason);

comment on view batchsweep.decision is 'One row a decision of a sweep''s search: which trial was begun, stopped or skipped, when and why. Sweeps without [search] have none.';
comment on column batchsweep.decision.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.decision.sweep_name is 'Name of the sweep; NULL for none.';
comment on column batchsweep.decision.decision_index is 'Place among the sweep''s decisions, from 0.';
comment on column batchsweep.decision.decided_at is 'When it was decided.';
comment on column batchsweep.decision.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.decision.trial_index is 'Place of the trial in the grid, from 0.';
comment on column batchsweep.decision.batch_size is 'Examples per optimizer step.';
comment on column batchsweep.decision.learning_rate is 'Learning rate at its full height.';
comment on column batchsweep.decision.seed is 'Seed of the trial.';
comment on column batchsweep.decision.parameters is 'JSON object: the value of every axis, in the grid''s order.';
comment on column batchsweep.decision.action is 'begin (it is trained), stop (it ran, and was ended early) or skip (it is not trained).';
comment on column batchsweep.decision.reason is 'Why, in a word.';
comment on column batchsweep.decision.explanation is 'Why, in a sentence.';
comment on column batchsweep.decision.because is 'JSON array: the trials whose results led to it, by trial_index; empty where nothing was known.';

comment on table core.sweep is 'One row a submitted sweep. What it asks changes only where its grid is extended; else only the flags do.';
comment on column core.trial.trial_index is 'Place in the grid, from 0; trials that came later follow.';
comment on column batchsweep.trial.trial_index is 'Place in the grid, from 0; trials that came later follow.';
comment on column batchsweep.result.trial_index is 'Place in the grid, from 0; trials that came later follow.';

create or replace view core.sweep_progress as
select
    sweep.sweep_id,
    case
        when counts.undecided + counts.pending + counts.running = 0
            and (search.is_over is not false or sweep.cancelled is not null) then 'finished'
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
    case
        when counts.undecided + counts.pending + counts.running = 0
            and (search.is_over is not false or sweep.cancelled is not null) then counts.last_ended_at
    end as finished_at,
    counts.undecided,
    counts.stopped,
    counts.skipped
from core.sweep
left join core.search on search.sweep_id = any (array[sweep.sweep_id])
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
        max(ended_at) as last_ended_at,
        count(*) filter (where status = 'undecided') as undecided,
        count(*) filter (where status = 'stopped') as stopped,
        count(*) filter (where status = 'skipped') as skipped
    from core.trial_state
    where trial_state.sweep_id = sweep.sweep_id
) counts;

comment on column core.sweep_progress.undecided is 'Trials that the search has not decided on.';
comment on column core.sweep_progress.stopped is 'Trials that the search ended early.';
comment on column core.sweep_progress.skipped is 'Trials that the search left out.';

create or replace view batchsweep.sweep as
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
    case when progress.state = 'paused' then sweep.pause_reason end as pause_reason,
    array_to_string(sweep.tags, ' ') as tags,
    progress.undecided,
    progress.stopped,
    progress.skipped
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on column batchsweep.sweep.undecided is 'Number of trials of which the search has not decided yet whether they are trained; 0 without [search].';
comment on column batchsweep.sweep.stopped is 'Number of trials that the search ended early, as they could no longer become the best of their batch size.';
comment on column batchsweep.sweep.skipped is 'Number of trials that the search left out; view decision says why.';
comment on column batchsweep.trial.status is 'undecided (the search has not decided yet whether it is trained), pending, running, succeeded, diverged, infeasible, stopped (ended early by the search), skipped (left out by the search), failed or cancelled.';
comment on column batchsweep.result.status is 'As in view trial.';
comment on column batchsweep.attempt.outcome is 'running, succeeded, diverged, infeasible, stopped (ended early by the search), failed, released (given back by a stopping worker) or cancelled.';

-- A trial that was ended early counts as infinitely bad, as one that diverged: it was worse than the best of its batch size.
create or replace view batchsweep.best_learning_rate as
with trial_loss as (
    select
        result.*,
        (result.parameters::jsonb - 'seed')::text as cell,
        bool_or(result.final_validation_loss is not null) over (partition by result.sweep_id) as validated
    from batchsweep.result
    where result.status in ('succeeded', 'diverged', 'stopped')
),
cell_loss as (
    select
        sweep_id,
        sweep_name,
        batch_size,
        optimizer,
        learning_rate,
        cell,
        case when validated then 'final_validation_loss' else 'train_set_loss' end as metric,
        percentile_cont(0.5) within group (
            order by case
                when status in ('diverged', 'stopped') then 'Infinity'
                else coalesce(case when validated then final_validation_loss else train_set_loss end, 'Infinity')
            end
        ) as value,
        count(*) as trials,
        count(*) filter (where status = 'diverged') as diverged
    from trial_loss
    group by sweep_id, sweep_name, batch_size, optimizer, learning_rate, cell, validated
)
select distinct on (sweep_id, batch_size, optimizer)
    sweep_id,
    sweep_name,
    batch_size,
    optimizer,
    learning_rate,
    metric,
    value,
    trials,
    diverged,
    cell as parameters
from cell_loss
where value < 'Infinity'
order by sweep_id, batch_size, optimizer, value, learning_rate;
