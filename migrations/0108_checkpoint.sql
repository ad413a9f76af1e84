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

-- Files of checkpoints that nothing goes on from any more: workers are asked to remove them. Whoever made an attempt of the
-- trial may have one in its store, and stores may be one or many, so each of those workers is asked.
create table core.checkpoint_removal (
    worker_id uuid        not null,
    trial_id  uuid        not null,
    attempt   integer     not null,
    since     timestamptz not null default now(),

    constraint checkpoint_removal_pkey primary key (worker_id, trial_id),
    constraint checkpoint_removal_trial_fkey foreign key (trial_id) references core.trial (trial_id)
);

comment on table core.checkpoint_removal is 'One row a worker and trial whose checkpoints it is to remove from its store; gone once it says that it has.';
comment on column core.checkpoint_removal.worker_id is 'The worker.';
comment on column core.checkpoint_removal.trial_id is 'The trial.';
comment on column core.checkpoint_removal.attempt is 'Those of this attempt and of all before it; later ones may be gone on from.';
comment on column core.checkpoint_removal.since is 'When it was first to be asked.';
