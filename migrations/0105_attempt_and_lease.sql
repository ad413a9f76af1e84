-- Who tries a trial: every attempt for ever, and for the running ones the lease, which is the right to write.

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
    got_further boolean     not null default false,
    micro_batch bigint      not null default 0,

    constraint attempt_pkey primary key (trial_id, attempt),
    constraint attempt_trial_fkey foreign key (trial_id) references core.trial (trial_id),
    constraint attempt_worker_fkey foreign key (worker_id) references core.worker (worker_id),
    constraint attempt_outcome_known check (
        outcome in ('succeeded', 'diverged', 'infeasible', 'failed', 'released', 'cancelled')
    ),
    constraint attempt_finished check ((outcome is null) = (finished_at is null)),
    constraint attempt_error_kind_known check (
        error_kind in ('input', 'files', 'trainer', 'crash', 'suspected_host_oom', 'hung', 'spool_full', 'worker_lost')
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
comment on column core.attempt.error_kind is 'For failed: input, files, trainer, crash, suspected_host_oom, hung, spool_full or worker_lost.';
comment on column core.attempt.error is 'What went wrong, or why it was given back; NULL where there is nothing to tell.';
comment on column core.attempt.will_retry is 'For failed: whether the trial went back into the queue.';
comment on column core.attempt.acked_seq is 'Records stored, once the attempt has ended.';
comment on column core.attempt.digest is 'SHA-256 of the result as sent, to know a repeated completion.';
comment on column core.attempt.got_further is 'Whether it saved the trial at a later step than all attempts before.';
comment on column core.attempt.micro_batch is 'Examples in the largest micro-batch when it ended without a result; 0 while none was known.';

create table core.lease (
    trial_id      uuid             not null,
    attempt       integer          not null,
    token         bytea            not null,
    sweep_id      uuid             not null,
    worker_id     uuid             not null,
    instance_id   uuid             not null,
    request_id    uuid             not null,
    request_index integer          not null,
    acked_seq     bigint           not null default 0,
    expires_at    timestamptz      not null,
    phase         text             not null default 'preparing',
    step          bigint           not null default 0,
    total_steps   bigint           not null default 0,
    train_loss    double precision,
    micro_batch   bigint           not null default 0,

    constraint lease_pkey primary key (trial_id),
    -- The attempt names the trial and the worker: one key to look up for each trial that is handed out.
    constraint lease_attempt_fkey foreign key (trial_id, attempt) references core.attempt (trial_id, attempt),
    -- A claim asked for twice is answered with the same leases; this makes two coordinators agree on it.
    constraint lease_request_unique unique (worker_id, request_id, request_index),
    constraint lease_phase_known check (phase in ('preparing', 'training', 'evaluating'))
)
-- No index on what a heartbeat changes, expires_at above all: so each heartbeat updates its row in place. The
-- reaper reads the whole table, which holds one row a running trial.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

comment on table core.lease is 'One row a running trial: who may write for it. Times are this database''s clock.';
comment on column core.lease.trial_id is 'The trial.';
comment on column core.lease.attempt is 'The fencing number; equal to core.trial_state.attempt.';
comment on column core.lease.token is '16 random bytes, known to the holder only.';
comment on column core.lease.sweep_id is 'The trial''s sweep.';
comment on column core.lease.worker_id is 'The holder.';
comment on column core.lease.instance_id is 'The holder''s process.';
comment on column core.lease.request_id is 'The claim that it answered.';
comment on column core.lease.request_index is 'Which trial of that claim it was, from 0.';
comment on column core.lease.acked_seq is 'The watermark: records 1 to this number are stored.';
comment on column core.lease.expires_at is 'The reaper ends it after this time.';
comment on column core.lease.phase is 'What the trial is at: preparing, training or evaluating.';
comment on column core.lease.step is 'Optimizer steps done.';
comment on column core.lease.total_steps is 'Optimizer steps in all; 0 while unknown.';
comment on column core.lease.train_loss is 'The latest step loss; NULL before the first, or where it is not finite.';
comment on column core.lease.micro_batch is 'Examples in the largest micro-batch; 0 while unknown.';
