-- Buyers and gross spend of the whole portfolio in given windows, and the part of customers acquired before them.
with

purchase_events as (
    select
        customer_id,
        happened_us,
        gross_e4
    from order_events
    where lines > 0
),

windows as (
    select
        name,
        start_us,
        end_us
    from portfolio_windows
),

first_purchases as (
    select
        customer_id,
        min(happened_us) as first_us
    from purchase_events
    group by customer_id
),

spenders as (
    select
        windows.name,
        windows.start_us,
        purchase_events.customer_id,
        sum(purchase_events.gross_e4) as gross_e4
    from purchase_events
    inner join windows
        on purchase_events.happened_us >= windows.start_us and purchase_events.happened_us < windows.end_us
    group by windows.name, windows.start_us, purchase_events.customer_id
),

totals as (
    select
        spenders.name,
        count(*) as buyers,
        sum(case when first_purchases.first_us < spenders.start_us then 1 else 0 end) as known_buyers,
        sum(spenders.gross_e4) as gross_e4,
        sum(case when first_purchases.first_us < spenders.start_us then spenders.gross_e4 else 0 end) as known_gross_e4
    from spenders
    inner join first_purchases on spenders.customer_id = first_purchases.customer_id
    group by spenders.name
)

select
    windows.name,
    coalesce(totals.buyers, 0) as buyers,
    coalesce(totals.known_buyers, 0) as known_buyers,
    coalesce(totals.gross_e4, 0) / 10000.0 as gross,
    coalesce(totals.known_gross_e4, 0) / 10000.0 as known_gross
from windows
left join totals on windows.name = totals.name
order by windows.name
