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
    constraint lease_trial_fkey foreign key (trial_id) references core.trial (trial_id),
    constraint lease_worker_fkey foreign key (worker_id) references core.worker (worker_id),
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
