delete from core.upload
where sha256 in (
    select sha256
    from core.upload
    where uploaded_at < now() - $1::interval
        and not exists (select from core.sweep_upload where sweep_upload.sha256 = upload.sha256)
    for update skip locked
)
returning sha256
