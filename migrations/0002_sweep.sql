create table core.sweep (
    sweep_id     uuid        not null,
    name         text,
    spec         bytea       not null,
    source       text        not null default '',
    request_id   uuid        not null,
    request_hash bytea       not null,
    paused       boolean     not null default false,
    cancelled    text,
    created_at   timestamptz not null default now(),

    constraint sweep_pkey primary key (sweep_id),
    constraint sweep_request_unique unique (request_id),
    constraint sweep_cancelled_known check (cancelled in ('drain', 'stop'))
);

-- Newest first, and the newest of a name.
create index sweep_newest on core.sweep (created_at desc, sweep_id desc);
create index sweep_name on core.sweep (name, created_at desc) where name is not null;
-- The public views show ids as text; a filter on that text finds its row through these.
create index sweep_id_text on core.sweep ((sweep_id::text));

comment on table core.sweep is 'One row a submitted sweep. What it asks never changes; only the flags do.';
comment on column core.sweep.sweep_id is 'UUID version 7, made by the coordinator.';
comment on column core.sweep.name is 'What people call it; NULL for none; need not be unique.';
comment on column core.sweep.spec is 'The checked spec, an encoded batchsweep.v1.SweepSpec.';
comment on column core.sweep.source is 'The sweep file as typed; empty when none was sent.';
comment on column core.sweep.request_id is 'From CreateSweep: the same id gives the same sweep again.';
comment on column core.sweep.request_hash is 'SHA-256 of what was asked under request_id, to refuse its use for anything else.';
comment on column core.sweep.paused is 'No further trial is handed out.';
comment on column core.sweep.cancelled is 'NULL, or how it was cancelled: drain lets running trials finish, stop ends them.';
comment on column core.sweep.created_at is 'When it was submitted.';
