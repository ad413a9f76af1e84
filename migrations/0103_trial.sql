-- The cells of a sweep's grid: what each one is, and apart from that, in a narrow table that changes, where each one is.

create table core.trial (
    trial_id      uuid             not null,
    sweep_id      uuid             not null,
    trial_index   bigint           not null,
    trial_key     text             not null,
    batch_size    bigint           not null,
    learning_rate double precision not null,
    optimizer     text             not null,
    precision     text             not null,
    seed          bigint           not null,
    parameters    text             not null,
    settings      bytea            not null,

    constraint trial_pkey primary key (trial_id),
    constraint trial_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id),
    constraint trial_index_unique unique (sweep_id, trial_index),
    constraint trial_key_unique unique (sweep_id, trial_key)
);

-- The public views show ids as text; a filter on that text finds its rows through these.
create index trial_id_text on core.trial ((trial_id::text));
create index trial_sweep_id_text on core.trial ((sweep_id::text));

comment on table core.trial is 'One row a cell of a sweep''s grid. Never updated; what happens to it is in core.trial_state.';
comment on column core.trial.trial_id is 'UUID version 7, rising in grid order within a sweep.';
comment on column core.trial.sweep_id is 'Its sweep.';
comment on column core.trial.trial_index is 'Place in the grid, from 0.';
comment on column core.trial.trial_key is 'Hash of its settings: within a sweep, equal key, equal trial.';
comment on column core.trial.batch_size is 'Examples per optimizer step.';
comment on column core.trial.learning_rate is 'Learning rate at its full height.';
comment on column core.trial.optimizer is 'sgd, adam, adamw or rmsprop.';
comment on column core.trial.precision is 'float32, bfloat16 or float64.';
comment on column core.trial.seed is 'Seed of weights, data order and, unless fixed, synthetic data.';
comment on column core.trial.parameters is 'JSON object: the value of every axis, in the grid''s order.';
comment on column core.trial.settings is 'What a worker is told, an encoded batchsweep.v1.TrialSettings.';

create table core.trial_state (
    trial_id         uuid        not null,
    sweep_id         uuid        not null,
    status           text        not null default 'pending',
    attempt          integer     not null default 0,
    failures         integer     not null default 0,
    preemptions      integer     not null default 0,
    accepted_attempt integer,
    priority         integer     not null default 0,
    run_after        timestamptz not null default now(),
    ended_at         timestamptz,

    constraint trial_state_pkey primary key (trial_id),
    constraint trial_state_trial_fkey foreign key (trial_id) references core.trial (trial_id),
    constraint trial_state_status_known check (
        status in ('pending', 'running', 'succeeded', 'diverged', 'infeasible', 'failed', 'cancelled')
    ),
    -- A trial has a result when, and only when, exactly one attempt was accepted.
    constraint trial_state_accepted check (
        (status in ('succeeded', 'diverged', 'infeasible')) = (accepted_attempt is not null)
    ),
    constraint trial_state_ended check ((status in ('pending', 'running')) = (ended_at is null)),
    constraint trial_state_counts check (attempt >= 0 and failures >= 0 and preemptions >= 0)
)
-- Hot and narrow: room on each page for new versions, and vacuumed by count, not by share of the table.
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The queue: for each sweep, what waits, in the order in which it is handed out. trial_id rises in grid order.
create index trial_state_queue on core.trial_state (sweep_id, priority desc, run_after, trial_id)
    where status = 'pending';
create index trial_state_status on core.trial_state (sweep_id, status);

comment on table core.trial_state is 'One row a trial: where it is. The allowed transitions are those of domain::lifecycle.';
comment on column core.trial_state.trial_id is 'The trial.';
comment on column core.trial_state.sweep_id is 'Its sweep, repeated here for the queue''s index.';
comment on column core.trial_state.status is 'pending, running, succeeded, diverged, infeasible, failed or cancelled.';
comment on column core.trial_state.attempt is 'The fencing number: attempts claimed so far. Grows by one at each claim, never falls.';
comment on column core.trial_state.failures is 'Attempts that ended in an error or with their worker, since the last retry by hand or the last checkpoint that got further.';
comment on column core.trial_state.preemptions is 'Attempts that a stopping worker gave back, counted since the same; they do not count as failures.';
comment on column core.trial_state.accepted_attempt is 'The attempt whose result counts; NULL without a result.';
comment on column core.trial_state.priority is 'Higher is handed out first, within a sweep.';
comment on column core.trial_state.run_after is 'Not handed out before this time.';
comment on column core.trial_state.ended_at is 'When it reached its final status; NULL before.';
