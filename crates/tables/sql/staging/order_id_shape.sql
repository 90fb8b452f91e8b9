-- How many orders carry the cancellation prefix followed by digits, of all orders that have an id.
with

transactions as (select order_id from transactions where order_id is not null),

orders as (
    select
        order_id,
        starts_with(upper(order_id), $cancellation_prefix)
        and translate(substr(order_id, character_length($cancellation_prefix) + 1), '0123456789', '') = ''
            as is_prefixed
    from transactions
    group by order_id
)

select
    count(*) as orders,
    coalesce(sum(case when is_prefixed then 1 else 0 end), 0) as prefixed_orders
from orders
