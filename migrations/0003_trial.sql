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
