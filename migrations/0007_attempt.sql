create table core.attempt (
    trial_id    uuid        not null,
    attempt     integer     not null,
    token       bytea       not null,
    worker_id   uuid        not null,
    instance_id uuid        not null,
    started_at  timestamptz not null default now(),
    finished_at timestamptz,
    outcome     text,
    error_kind  text,
    error       text,
    will_retry  boolean,
    acked_seq   bigint      not null default 0,
    digest      bytea,

    constraint attempt_pkey primary key (trial_id, attempt),
    constraint attempt_trial_fkey foreign key (trial_id) references core.trial (trial_id),
    constraint attempt_worker_fkey foreign key (worker_id) references core.worker (worker_id),
    constraint attempt_outcome_known check (
        outcome in ('succeeded', 'diverged', 'infeasible', 'failed', 'released', 'cancelled')
    ),
    constraint attempt_finished check ((outcome is null) = (finished_at is null)),
    constraint attempt_error_kind_known check (
        error_kind in ('input', 'trainer', 'crash', 'suspected_host_oom', 'worker_lost')
    ),
    constraint attempt_failed check ((outcome is not distinct from 'failed') = (error_kind is not null))
);

comment on table core.attempt is 'One row a claim of a trial, kept for ever: who tried it, and what became of it.';
comment on column core.attempt.trial_id is 'The trial.';
comment on column core.attempt.attempt is 'The fencing number, from 1.';
comment on column core.attempt.token is 'The lease''s token, to know its holder again.';
comment on column core.attempt.worker_id is 'Who held the lease.';
comment on column core.attempt.instance_id is 'The process that held the lease.';
comment on column core.attempt.started_at is 'When the trial was claimed.';
comment on column core.attempt.finished_at is 'When the attempt ended; NULL while it runs.';
comment on column core.attempt.outcome is 'NULL while it runs; then succeeded, diverged, infeasible, failed, released or cancelled.';
comment on column core.attempt.error_kind is 'For failed: input, trainer, crash, suspected_host_oom or worker_lost.';
comment on column core.attempt.error is 'What went wrong, or why it was given back; NULL where there is nothing to tell.';
comment on column core.attempt.will_retry is 'For failed: whether the trial went back into the queue.';
comment on column core.attempt.acked_seq is 'Records stored, once the attempt has ended.';
comment on column core.attempt.digest is 'SHA-256 of the result as sent, to know a repeated completion.';
