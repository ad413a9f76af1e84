-- A lease is of an attempt, and the attempt names the trial and the worker: one key to look up where there were two, for
-- each trial that is handed out.
alter table core.lease
    drop constraint lease_trial_fkey,
    drop constraint lease_worker_fkey,
    add constraint lease_attempt_fkey foreign key (trial_id, attempt) references core.attempt (trial_id, attempt);
