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
