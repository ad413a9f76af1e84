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
