-- What every customer acquired before the hold-out looked like when it began, and on how many days it bought in it.
with

events as (
    select
        customer_id,
        happened_us
    from order_events
    where lines > 0 and happened_us >= $start_us and happened_us < $end_us
),

-- Days are counted from 1900, the first year that is read: a division of negative numbers would round up.
days as (
    select
        customer_id,
        count(distinct (happened_us + 2208988800000000) / 86400000000) as came
    from events
    group by customer_id
),

known as (
    select
        customer_id,
        purchase_days,
        active_span_days,
        tenure_days
    from features
    where as_of = $snapshot
)

select
    known.customer_id,
    known.purchase_days,
    known.active_span_days,
    known.tenure_days,
    coalesce(days.came, 0) as came
from known
left join days on known.customer_id = days.customer_id
order by known.customer_id
