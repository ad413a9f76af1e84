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
