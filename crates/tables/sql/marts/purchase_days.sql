-- The days on which each customer bought: what buy-till-you-die models need of it.
--
-- A purchase is a day with an order that was not taken back as a whole; a return or a cancellation is none.
-- Without money nobody can say how much was taken back, and the order counts. Days are
-- counted from 1900, the first year that is read: a division of negative numbers would round up. Money is added up in
-- integers of 1/10,000.
with

cleaned as (
    select
        customer_id,
        order_id,
        kind,
        cancels_order_id,
        (cast(ordered_at as bigint) + 2208988800000000) / 86400000000 as day,
        (cast(cancels_ordered_at as bigint) + 2208988800000000) / 86400000000 as cancels_day,
        cast(round(amount * 10000) as bigint) as amount_e4
    from cleaned
),

sold as (
    select
        customer_id,
        order_id,
        day,
        sum(coalesce(amount_e4, 0)) as gross_e4
    from cleaned
    where kind in ('sale', 'charge')
    group by customer_id, order_id, day
),

taken_back as (
    select
        customer_id,
        cancels_order_id as order_id,
        cancels_day as day,
        sum(coalesce(-amount_e4, 0)) as cancelled_e4
    from cleaned
    where cancels_order_id is not null
    group by customer_id, cancels_order_id, cancels_day
),

orders as (
    select
        sold.customer_id,
        sold.day,
        sold.gross_e4 - coalesce(taken_back.cancelled_e4, 0) as net_e4
    from sold
    left join taken_back
        on
            sold.customer_id = taken_back.customer_id
            and sold.order_id = taken_back.order_id
            and sold.day = taken_back.day
    where taken_back.order_id is null or sold.gross_e4 = 0 or sold.gross_e4 > taken_back.cancelled_e4
)

select
    customer_id,
    day,
    sum(net_e4) as net_e4
from orders
group by customer_id, day
order by customer_id, day
