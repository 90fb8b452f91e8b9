-- Where the rows of the file say two things of an attribute of one customer for one instant, the earliest row first.
with

customer_rows as (
    select
        customer_id,
        attribute,
        valid_from,
        line_no,
        number,
        text,
        case when number is null then text end as word
    from customer_rows
    where attribute = $attribute
),

conflicts as (
    select
        customer_id,
        attribute,
        valid_from,
        min(line_no) as first_line
    from customer_rows
    group by customer_id, attribute, valid_from
    having
        min(number) <> max(number) or min(word) <> max(word) or (count(number) > 0 and count(number) < count(*))
),

valued as (
    select
        customer_id,
        attribute,
        valid_from,
        line_no,
        text,
        coalesce(cast(number as varchar), text) as value
    from customer_rows
),

firsts as (
    select
        conflicts.customer_id,
        conflicts.attribute,
        conflicts.valid_from,
        conflicts.first_line,
        first_value(valued.value order by valued.line_no) as first_value,
        first_value(valued.text order by valued.line_no) as first_text
    from conflicts
    inner join valued
        on
            conflicts.customer_id = valued.customer_id
            and conflicts.attribute = valued.attribute
            and conflicts.valid_from is not distinct from valued.valid_from
    group by conflicts.customer_id, conflicts.attribute, conflicts.valid_from, conflicts.first_line
)

select
    firsts.customer_id,
    firsts.attribute,
    cast(firsts.valid_from as bigint) as from_us,
    firsts.first_line,
    firsts.first_text,
    min(valued.line_no) as other_line,
    first_value(valued.text order by valued.line_no) as other_text
from firsts
inner join valued
    on
        firsts.customer_id = valued.customer_id
        and firsts.attribute = valued.attribute
        and firsts.valid_from is not distinct from valued.valid_from
where valued.value <> firsts.first_value
group by firsts.customer_id, firsts.attribute, firsts.valid_from, firsts.first_line, firsts.first_text
order by firsts.first_line, firsts.attribute, firsts.customer_id, from_us
