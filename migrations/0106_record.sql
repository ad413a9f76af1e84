-- What an attempt reports while it runs: points of curves, splits of the batch, log lines.

create table core.metric_name (
    metric_name smallint not null,
    name        text     not null,

    constraint metric_name_pkey primary key (metric_name),
    constraint metric_name_unique unique (name)
);
comment on table core.metric_name is 'The curves, by their numbers on the wire (batchsweep.v1.MetricName).';
comment on column core.metric_name.metric_name is 'The number on the wire.';
comment on column core.metric_name.name is 'The word in the public views.';

insert into core.metric_name (metric_name, name) values
    (1, 'train_loss'),
    (2, 'train_set_loss'),
    (3, 'learning_rate'),
    (4, 'gradient_norm'),
    (5, 'validation_loss'),
    (6, 'validation_accuracy'),
    (7, 'validation_error');

-- By far the most rows, so they are narrow, and no foreign key is looked up for each of them: rows are only ever
-- written with their lease's row locked, which has those keys.
create table core.metric (
    trial_id    uuid             not null,
    seq         bigint           not null,
    step        bigint           not null,
    examples    bigint           not null,
    seconds     double precision not null,
    value       double precision not null,
    attempt     integer          not null,
    metric_name smallint         not null,

    constraint metric_pkey primary key (trial_id, attempt, seq)
);

comment on table core.metric is 'One row a point of a curve. Append-only.';
comment on column core.metric.trial_id is 'The trial.';
comment on column core.metric.attempt is 'The attempt that told it.';
comment on column core.metric.seq is 'Place among all records of the attempt (metrics, splits, log lines), from 1 without gap.';
comment on column core.metric.metric_name is 'Which curve, see core.metric_name.';
comment on column core.metric.step is 'Optimizer steps done.';
comment on column core.metric.examples is 'Training examples seen.';
comment on column core.metric.seconds is 'Training time so far, in seconds.';
comment on column core.metric.value is 'The value, as told: NaN and infinities included.';

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
comment on column core.split.micro_batch is 'Examples in the largest micro-batch; 0 where not even one example at a time fits.';
comment on column core.split.accumulation_steps is 'Micro-batches in a batch; 0 where none fits.';
comment on column core.split.predicted_peak_bytes is 'Predicted peak, in bytes; NULL where nothing was predicted.';
comment on column core.split.reason is 'Why, in words.';

create table core.log (
    trial_id    uuid        not null,
    attempt     integer     not null,
    seq         bigint      not null,
    level       text        not null,
    text        text        not null,
    recorded_at timestamptz not null default now(),

    constraint log_pkey primary key (trial_id, attempt, seq),
    constraint log_level_known check (level in ('info', 'warning', 'error'))
);

comment on table core.log is 'One row a line of a trial''s log. Append-only, written with the lease''s row locked.';
comment on column core.log.trial_id is 'The trial.';
comment on column core.log.attempt is 'The attempt that told it.';
comment on column core.log.seq is 'Place among all records of the attempt, from 1.';
comment on column core.log.level is 'info, warning or error.';
comment on column core.log.text is 'The line.';
comment on column core.log.recorded_at is 'When it was stored.';
