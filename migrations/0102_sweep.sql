-- What people submit: sweeps, their circuit breakers and the files sent along with them.

create table core.sweep (
    sweep_id     uuid             not null,
    name         text,
    spec         bytea            not null,
    source       text             not null default '',
    request_id   uuid             not null,
    request_hash bytea            not null,
    paused       boolean          not null default false,
    cancelled    text,
    created_at   timestamptz      not null default now(),
    data_sha256  text,
    weight       double precision not null default 1,
    pause_reason text,

    constraint sweep_pkey primary key (sweep_id),
    constraint sweep_request_unique unique (request_id),
    constraint sweep_cancelled_known check (cancelled in ('drain', 'stop')),
    constraint sweep_weight_known check (weight >= 0.001 and weight <= 1000)
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
comment on column core.sweep.data_sha256 is 'SHA-256 of the data''s files, as hex digits, as the first worker found them; every other one must find the same. NULL before, and where the data has no files.';
comment on column core.sweep.weight is 'Its share of the workers beside other sweeps: one of weight 2 runs twice as many trials as one of weight 1.';
comment on column core.sweep.pause_reason is 'Why it was paused by itself; NULL where somebody paused it. Means nothing unless it is paused.';

-- The circuit breaker of a sweep: when attempt after attempt fails and none brings a result, it is paused, and says why.
create table core.sweep_breaker (
    sweep_id          uuid    not null,
    failures_in_a_row integer not null,

    constraint sweep_breaker_pkey primary key (sweep_id),
    constraint sweep_breaker_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id),
    constraint sweep_breaker_counts check (failures_in_a_row >= 0)
);

comment on table core.sweep_breaker is 'One row a sweep in which an attempt failed.';
comment on column core.sweep_breaker.sweep_id is 'The sweep.';
comment on column core.sweep_breaker.failures_in_a_row is 'Attempts that failed since the last result, or since the sweep was resumed; those whose worker was lost, and those refused for their settings, are not counted.';

-- Files that people send along with sweeps. Their bytes are in the coordinators' store, under their hash.
create table core.upload (
    sha256      text        not null,
    name        text        not null,
    bytes       bigint      not null,
    uploaded_at timestamptz not null default now(),
    uploaded_by text,

    constraint upload_pkey primary key (sha256),
    constraint upload_sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
    constraint upload_has_bytes check (bytes >= 0)
);

comment on table core.upload is 'One row a file that was sent along with a sweep, or soon will be.';
comment on column core.upload.sha256 is 'Hash of its bytes: what it is, and where it is in the store.';
comment on column core.upload.name is 'What it was called when it was first sent.';
comment on column core.upload.bytes is 'Its length.';
comment on column core.upload.uploaded_at is 'When it was sent, or sent again.';
comment on column core.upload.uploaded_by is 'Name of the token that sent it first; NULL where none was asked for.';

create table core.sweep_upload (
    sweep_id uuid not null,
    sha256   text not null,

    constraint sweep_upload_pkey primary key (sweep_id, sha256),
    constraint sweep_upload_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id),
    constraint sweep_upload_upload_fkey foreign key (sha256) references core.upload (sha256)
);

create index sweep_upload_sha256_idx on core.sweep_upload (sha256);

comment on table core.sweep_upload is 'One row a file that a sweep''s trials read.';
comment on column core.sweep_upload.sweep_id is 'The sweep.';
comment on column core.sweep_upload.sha256 is 'The file.';
