-- Each month's orders, customers and revenue, as far as they were known before `as_of`. Months are counted from January of
-- the year 0; money is added up in integers of 1/10,000. Revenue net of cancellations counts in the month of its order; what
-- becomes known after that month still changes it, but not `net_then_e4`: what was known when the month ended.
with

orders as (
    select
        customer_id,
        order_id,
        happened_us,
        sum(lines) as lines,
        sum(gross_e4) as gross_e4,
        sum(gross_e4) - sum(cancelled_e4) as net_e4,
        sum(
            case
                when
                    date_trunc('month', to_timestamp_micros(known_us))
                    = date_trunc('month', to_timestamp_micros(happened_us))
                    then gross_e4 - cancelled_e4
                else 0
            end
        ) as net_then_e4
    from order_events
    where happened_us < $as_of_us and known_us < $as_of_us
    group by customer_id, order_id, happened_us
),

bought as (
    select
        customer_id,
        cast(date_part('year', to_timestamp_micros(happened_us)) as bigint) * 12
        + cast(date_part('month', to_timestamp_micros(happened_us)) as bigint) - 1 as month,
        gross_e4,
        net_e4,
        net_then_e4
    from orders
    where lines > 0
),

firsts as (
    select
        customer_id,
        min(month) as first_month
    from bought
    group by customer_id
)

select
    bought.month,
    count(*) as orders,
    count(distinct bought.customer_id) as customers,
    count(distinct case when bought.month = firsts.first_month then bought.customer_id end) as new_customers,
    sum(bought.gross_e4) as gross_e4,
    sum(bought.net_e4) as net_e4,
    sum(bought.net_then_e4) as net_then_e4
from bought
inner join firsts on bought.customer_id = firsts.customer_id
group by bought.month
order by bought.month
