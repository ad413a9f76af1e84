-- The processes that take part: workers by name, and coordinators.

create table core.worker (
    worker_id          uuid        not null,
    name               text        not null,
    instance_id        uuid        not null,
    version            text        not null,
    device             text        not null,
    device_description text        not null,
    memory_bytes       bigint      not null,
    memory_limit_bytes bigint,
    libtorch_version   text        not null,
    threads            integer     not null,
    registered_at      timestamptz not null default now(),
    seen_at            timestamptz not null default now(),
    expires_at         timestamptz not null,
    principal          text,
    drain              text,

    constraint worker_pkey primary key (worker_id),
    constraint worker_name_unique unique (name),
    constraint worker_drain_known check (drain in ('finish', 'hand_over'))
)
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

comment on table core.worker is 'One row a worker name, with the process that registered last under it.';
comment on column core.worker.worker_id is 'UUID version 7; stays with the name.';
comment on column core.worker.name is 'What people call it.';
comment on column core.worker.instance_id is 'The process: a call by an earlier one is refused.';
comment on column core.worker.version is 'Version of the worker binary.';
comment on column core.worker.device is 'Where it trains: cpu or cuda:0.';
comment on column core.worker.device_description is 'What the device is.';
comment on column core.worker.memory_bytes is 'Memory of the device, in bytes.';
comment on column core.worker.memory_limit_bytes is 'The worker''s own limit, in bytes; NULL for none.';
comment on column core.worker.libtorch_version is 'Version of libtorch.';
comment on column core.worker.threads is 'CPU threads it computes with.';
comment on column core.worker.registered_at is 'When this process registered.';
comment on column core.worker.seen_at is 'When it was last heard of.';
comment on column core.worker.expires_at is 'Counts as lost from this time on, unless heard of again.';
comment on column core.worker.principal is 'The token''s name under which it registered: nobody else may write for it. NULL where no tokens are asked for.';
comment on column core.worker.drain is 'Set while an operator takes it out of service: finish, its running trials end as usual, or hand_over, they are saved and given back. NULL else.';

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
