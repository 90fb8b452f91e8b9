-- Of the customers who first bought in a month, how many bought in that month and in each one after, as far as it was known
-- before `as_of`. Months are counted from January of the year 0.
with

purchases as (
    select
        customer_id,
        to_timestamp_micros(happened_us) as bought_at
    from order_events
    where lines > 0 and happened_us < $as_of_us and known_us < $as_of_us
),

months as (
    select distinct
        customer_id,
        cast(date_part('year', bought_at) as bigint) * 12 + cast(date_part('month', bought_at) as bigint) - 1 as month
    from purchases
),

firsts as (
    select
        customer_id,
        min(month) as cohort
    from months
    group by customer_id
)

select
    firsts.cohort,
    months.month,
    count(*) as customers
from months
inner join firsts on months.customer_id = firsts.customer_id
group by firsts.cohort, months.month
order by firsts.cohort, months.month
