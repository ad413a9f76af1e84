create table core.coordinator (
    coordinator_id uuid        not null,
    started_at     timestamptz not null default now(),
    seen_at        timestamptz not null default now(),
    healthy_since  timestamptz not null default now(),

    constraint coordinator_pkey primary key (coordinator_id)
)
with (fillfactor = 50);

comment on table core.coordinator is 'One row a coordinator process, for the grace of leases: none expires before workers had a whole lease''s time to renew it.';
comment on column core.coordinator.coordinator_id is 'UUID of the process.';
comment on column core.coordinator.started_at is 'When it started.';
comment on column core.coordinator.seen_at is 'When its reaper last ran.';
comment on column core.coordinator.healthy_since is 'Since when it could renew leases without a break: its start, or the end of its last loss of this database.';
