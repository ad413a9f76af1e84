-- forget_left_uploads: of these files, those that no sweep reads any more. Who asked for one after its last sweep was
-- submitted is about to submit another.
delete from core.upload
using unnest($1::text[], $2::timestamptz[]) as once (sha256, submitted_at)
where upload.sha256 = once.sha256
    and upload.uploaded_at <= once.submitted_at
    and not exists (select from core.sweep_upload where sweep_upload.sha256 = upload.sha256)
returning upload.sha256, upload.bytes
