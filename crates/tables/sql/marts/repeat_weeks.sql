-- Repeat purchases of the customers acquired before a hold-out, week by week before it and in it. Purchases on one day
-- are one; the customer's first one is no repeat.
with

events as (
    select
        customer_id,
        happened_us,
        happened_us >= $start_us as is_held_out,
        (happened_us + 2208988800000000) / 86400000000 as day
    from order_events
    where lines > 0 and happened_us < $end_us and (happened_us >= $start_us or known_us < $start_us)
),

days as (
    select
        customer_id,
        day,
        is_held_out,
        min(happened_us) as bought_us
    from events
    group by customer_id, day, is_held_out
),

first_days as (
    select
        customer_id,
        min(bought_us) as first_us
    from days
    where not is_held_out
    group by customer_id
),

repeats as (
    select (days.bought_us - $first_us) / 604800000000 as week
    from days
    inner join first_days on days.customer_id = first_days.customer_id
    where days.bought_us > first_days.first_us and days.bought_us >= $first_us
)

select
    week,
    count(*) as purchases
from repeats
group by week
order by week
