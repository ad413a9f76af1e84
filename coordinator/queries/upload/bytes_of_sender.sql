-- bytes_of_sender: of the files that are kept, those that this principal was the first to send; NULL where nobody has a name
select coalesce(sum(bytes), 0)::bigint as "bytes!"
from core.upload
where uploaded_by is not distinct from $1
