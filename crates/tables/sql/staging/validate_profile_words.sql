-- How the words of a period's lines are distributed: lines by all of them together.
with

transactions as (
    select
        country,
        category,
        channel,
        store,
        currency,
        customer_id is null as lacks_customer,
        date_part('dow', ordered_at) as weekday
    from transactions
    where ordered_at >= $start and ordered_at < $end
)

select
    country,
    category,
    channel,
    store,
    currency,
    lacks_customer,
    cast(weekday as varchar) as weekday,
    count(*) as lines
from transactions
group by country, category, channel, store, currency, lacks_customer, weekday
order by country, category, channel, store, currency, lacks_customer, weekday
