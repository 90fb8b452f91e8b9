-- What every acquired customer did in each closed window that starts at each snapshot: as_of <= t < as_of + horizon.
with

purchase_events as (
    select
        customer_id,
        order_id,
        happened_us,
        gross_e4
    from order_events
    where lines > 0
),

return_events as (
    select
        customer_id,
        known_us,
        returned_e4
    from order_events
    where returned_e4 <> 0
),

windows as (
    select
        as_of,
        as_of_us,
        horizon_days,
        end_us
    from label_windows
),

population as (
    select
        as_of,
        customer_id
    from features
),

purchases as (
    select
        windows.as_of,
        windows.horizon_days,
        purchase_events.customer_id,
        count(distinct purchase_events.order_id) as orders,
        min(purchase_events.happened_us - windows.as_of_us) as first_us,
        sum(purchase_events.gross_e4) as gross_e4
    from purchase_events
    inner join windows
        on purchase_events.happened_us >= windows.as_of_us and purchase_events.happened_us < windows.end_us
    group by windows.as_of, windows.horizon_days, purchase_events.customer_id
),

returned as (
    select
        windows.as_of,
        windows.horizon_days,
        return_events.customer_id,
        sum(return_events.returned_e4) as returned_e4
    from return_events
    inner join windows
        on return_events.known_us >= windows.as_of_us and return_events.known_us < windows.end_us
    group by windows.as_of, windows.horizon_days, return_events.customer_id
)

select
    population.as_of,
    population.customer_id,
    windows.horizon_days,
    coalesce(purchases.orders, 0) as orders,
    purchases.first_us / 86400000000.0 as first_purchase_days,
    coalesce(purchases.gross_e4, 0) / 10000.0 as spend_gross,
    (coalesce(purchases.gross_e4, 0) - coalesce(returned.returned_e4, 0)) / 10000.0 as spend_net
from population
inner join windows on population.as_of = windows.as_of
left join purchases
    on
        population.as_of = purchases.as_of
        and windows.horizon_days = purchases.horizon_days
        and population.customer_id = purchases.customer_id
left join returned
    on
        population.as_of = returned.as_of
        and windows.horizon_days = returned.horizon_days
        and population.customer_id = returned.customer_id
order by population.as_of, population.customer_id, windows.horizon_days
