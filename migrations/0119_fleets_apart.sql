-- What a worker reports counts for the workers of its own fleet: memory that it measured, data that it found, trials that it
-- saved, and memory that killed it.

-- As domain::access::fleet has it.
create function core.fleet_of(principal text) returns text
language sql
immutable
as $$
    select case when principal ~ '@[^@]+$' then regexp_replace(principal, '^.*@', '') else coalesce(principal, '') end
$$;

comment on function core.fleet_of is 'The fleet of a principal: what follows the last @ of its name, else the whole name; empty where nobody has one.';

alter table core.attempt add column principal text;

comment on column core.attempt.principal is 'The token''s name of the worker that held the lease. NULL where no tokens are asked for, and for attempts from before this column.';

create table core.sweep_data (
    sweep_id    uuid not null,
    fleet       text not null,
    data_sha256 text not null,

    constraint sweep_data_pkey primary key (sweep_id, fleet),
    -- A coordinator of an earlier version removes sweeps without these rows.
    constraint sweep_data_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id) on delete cascade
);

comment on table core.sweep_data is 'One row a sweep and fleet: the data that the fleet trains its trials on.';
comment on column core.sweep_data.sweep_id is 'The sweep.';
comment on column core.sweep_data.fleet is 'The fleet; see core.fleet_of.';
comment on column core.sweep_data.data_sha256 is 'SHA-256 of the data''s files, as hex digits, as the first worker of the fleet found them; every other one of it must find the same.';
comment on column core.sweep.data_sha256 is 'SHA-256 of the data''s files, as hex digits, as the first worker found them; see core.sweep_data for the others. NULL before, and where the data has no files.';

insert into core.sweep_data (sweep_id, fleet, data_sha256)
select distinct sweep.sweep_id, core.fleet_of(worker.principal), sweep.data_sha256
from core.sweep
join core.trial using (sweep_id)
join core.attempt using (trial_id)
join core.worker using (worker_id)
where sweep.data_sha256 is not null;

-- Families are named anew, with the fleet in their name: what was measured before is measured once more.
delete from core.memory_step;
delete from core.memory_kind;

-- Kept by a coordinator of an earlier version, a step has no family, and is given to nobody.
alter table core.memory_step add column family text not null default '';
alter table core.memory_step drop constraint memory_step_pkey;
alter table core.memory_step
    add constraint memory_step_pkey primary key (family, kind, way, outcome, micro_batch);

comment on column core.memory_step.family is 'Of which family; see core.memory_kind.';
comment on column core.memory_kind.family is 'What a coordinator can tell of it (fleet, model, way of training, device, libtorch): SHA-256 as 64 hex digits.';

create or replace view core.handed_out as
select
    trial.trial_id,
    trial.trial_index,
    trial.settings,
    trial.batch_size,
    killed.at as killed_at,
    checkpoint.attempt as checkpoint_attempt,
    checkpoint.step as checkpoint_step,
    checkpoint.examples as checkpoint_examples,
    checkpoint.last_seq as checkpoint_last_seq,
    checkpoint.path as checkpoint_path,
    checkpoint.sha256 as checkpoint_sha256,
    checkpoint.bytes as checkpoint_bytes,
    (select sweep.data_sha256 from core.sweep where sweep.sweep_id = any (array[trial.sweep_id])) as data_sha256,
    killed.fleets as killed_fleets,
    (
        select core.fleet_of(coalesce(
            saving.principal,
            (select worker.principal from core.worker where worker.worker_id = any (array[saving.worker_id]))
        ))
        from core.attempt saving
        where saving.trial_id = any (array[trial.trial_id]) and saving.attempt = checkpoint.attempt
    ) as checkpoint_fleet
from core.trial
left join core.checkpoint on checkpoint.trial_id = any (array[trial.trial_id])
cross join lateral (
    select
        coalesce(array_agg(ended.micro_batch order by ended.attempt), '{}') as at,
        coalesce(
            array_agg(
                core.fleet_of(coalesce(
                    ended.principal,
                    (select worker.principal from core.worker where worker.worker_id = any (array[ended.worker_id]))
                ))
                order by ended.attempt
            ),
            '{}'
        ) as fleets
    from core.attempt ended
    where ended.trial_id = any (array[trial.trial_id])
        and ended.error_kind = 'suspected_host_oom'
        -- One that had saved its progress was at its memory's peak for long enough to say that it is not to blame.
        and not ended.got_further
) killed;

comment on column core.handed_out.killed_fleets is 'The fleets whose workers made these attempts, in the order of killed_at.';
comment on column core.handed_out.checkpoint_fleet is 'The fleet whose worker saved that checkpoint.';
