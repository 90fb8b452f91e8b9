-- Rejected records by reason and column: the first 20 of each group by place, with the size of the group.
with ranked as (
    select
        source,
        line_no,
        "column" as field,
        value,
        reason,
        row_number() over (partition by reason, "column" order by source, line_no) as place,
        count(*) over (partition by reason, "column") as records
    from unparsed
)

select
    reason,
    field,
    records,
    source,
    line_no,
    value
from ranked
where place <= 20
order by reason, field, place
