-- The values of the table of customers as they were written, each once. A value without valid_from holds always.
with

customer_rows as (
    select
        customer_id,
        attribute,
        valid_from,
        number,
        text
    from customer_rows
)

select
    customer_id,
    attribute,
    valid_from,
    min(number) as number,
    min(text) as text
from customer_rows
group by customer_id, attribute, valid_from
order by customer_id, attribute, valid_from nulls first
