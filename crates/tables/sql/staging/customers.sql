-- The values of one attribute of the customers as they were written, each once; without valid_from it holds always.
with

customer_rows as (
    select
        customer_id,
        attribute,
        valid_from,
        number,
        text
    from customer_rows
    where attribute = $attribute
)

select
    customer_id,
    attribute,
    valid_from,
    min(number) as number,
    min(text) as text
from customer_rows
group by customer_id, attribute, valid_from
order by customer_id, valid_from nulls first
