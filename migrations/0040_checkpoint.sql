-- Trials go on where an earlier attempt saved them. The files are the workers'; here is where they are, and whose records
-- come before those of an attempt that went on.
create table core.checkpoint (
    trial_id      uuid        not null,
    attempt       integer     not null,
    step          bigint      not null,
    examples      bigint      not null,
    last_seq      bigint      not null,
    path          text        not null,
    sha256        text        not null,
    bytes         bigint      not null,
    furthest_step bigint      not null,
    saved_at      timestamptz not null default now(),

    constraint checkpoint_pkey primary key (trial_id),
    constraint checkpoint_trial_fkey foreign key (trial_id) references core.trial (trial_id)
);

comment on table core.checkpoint is 'One row a trial that was saved and has no result: what its next attempt goes on from.';
comment on column core.checkpoint.trial_id is 'The trial.';
comment on column core.checkpoint.attempt is 'The attempt that saved it.';
comment on column core.checkpoint.step is 'Optimizer steps done.';
comment on column core.checkpoint.examples is 'Training examples seen.';
comment on column core.checkpoint.last_seq is 'Number of the attempt''s last record before it.';
comment on column core.checkpoint.path is 'Where the file is, within the workers'' checkpoint store.';
comment on column core.checkpoint.sha256 is 'Hash of the file, as hex digits.';
comment on column core.checkpoint.bytes is 'Size of the file.';
comment on column core.checkpoint.furthest_step is 'The most steps that were ever saved of the trial.';
comment on column core.checkpoint.saved_at is 'When the coordinator heard of it.';

create table core.lineage (
    trial_id uuid    not null,
    attempt  integer not null,
    ancestor integer not null,
    last_seq bigint  not null,

    constraint lineage_pkey primary key (trial_id, attempt, ancestor),
    constraint lineage_attempt_fkey foreign key (trial_id, attempt) references core.attempt (trial_id, attempt),
    constraint lineage_ancestor_fkey foreign key (trial_id, ancestor) references core.attempt (trial_id, attempt),
    constraint lineage_order check (ancestor < attempt)
);

comment on table core.lineage is 'Whose records come before those of an attempt that went on from a checkpoint: of each earlier attempt on its way, those up to a number. Append-only.';
comment on column core.lineage.trial_id is 'The trial.';
comment on column core.lineage.attempt is 'The attempt that went on.';
comment on column core.lineage.ancestor is 'An attempt that it went on from, directly or by others.';
comment on column core.lineage.last_seq is 'Records of the ancestor up to this number come before.';

alter table core.attempt add column got_further boolean not null default false;

comment on column core.attempt.got_further is 'Whether it saved the trial at a later step than all attempts before.';
comment on column core.trial_state.failures is 'Attempts that ended in an error or with their worker, since the last retry by hand or the last checkpoint that got further.';
comment on column core.trial_state.preemptions is 'Attempts that a stopping worker gave back, counted since the same; they do not count as failures.';
