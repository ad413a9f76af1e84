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
