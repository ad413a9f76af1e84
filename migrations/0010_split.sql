create table core.split (
    trial_id             uuid    not null,
    attempt              integer not null,
    seq                  bigint  not null,
    kind                 text    not null,
    from_step            bigint  not null,
    micro_batch          bigint  not null,
    accumulation_steps   bigint  not null,
    predicted_peak_bytes bigint,
    reason               text    not null,

    constraint split_pkey primary key (trial_id, attempt, seq),
    constraint split_kind_known check (kind in ('planned', 'realized'))
);

comment on table core.split is 'One row each time a trial''s batch was split anew. Append-only, written with the lease''s row locked.';
comment on column core.split.trial_id is 'The trial.';
comment on column core.split.attempt is 'The attempt that told it.';
comment on column core.split.seq is 'Place among all records of the attempt, from 1.';
comment on column core.split.kind is 'planned before the first step, or realized from from_step on.';
comment on column core.split.from_step is 'First optimizer step it holds for, from 1.';
comment on column core.split.micro_batch is 'Examples in the largest micro-batch.';
comment on column core.split.accumulation_steps is 'Micro-batches in a batch.';
comment on column core.split.predicted_peak_bytes is 'Predicted peak, in bytes; NULL where nothing was predicted.';
comment on column core.split.reason is 'Why, in words.';
