-- The customers' attributes with another future: values that held before $at, or always, are as they were; later ones
-- are gone or others, as $how says.
with

customers as (
    select
        customer_id,
        attribute,
        valid_from,
        number,
        text
    from customers
)

select
    customer_id,
    attribute,
    valid_from,
    case when valid_from >= $at and $how <> 'unchanged' then -1 - number else number end as number,
    case when valid_from >= $at and $how <> 'unchanged' then concat('new-', text) else text end as text
from customers
where $how <> 'deleted' or valid_from is null or valid_from < $at
order by customer_id, attribute, valid_from nulls first
