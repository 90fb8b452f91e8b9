-- What happened to each order and when it was known: sums that can be added up to any snapshot.
--
-- A linked cancellation or credit counts at the time of the order it cancels (happened_at) but is known only when it was made
-- (known_at): before that the sale stands, after it the sale is netted. Both instants are part of the key: what is
-- learnt in one moment about two of them (a cancellation, and more billed under the same number) stays apart. Money is
-- in integers of 1/10,000.
with

cleaned as (
    select
        customer_id,
        order_id,
        sku,
        quantity,
        unit_price,
        cast(round(amount * 10000) as bigint) as amount_e4,
        cast(ordered_at as bigint) as happened_us,
        greatest(cast(ordered_at as bigint), coalesce(cast(recorded_at as bigint), cast(ordered_at as bigint)))
            as known_us,
        date_trunc('month', ordered_at) as month,
        kind,
        cancels_order_id,
        cast(cancels_ordered_at as bigint) as cancels_us,
        nth_of_product as nth
    from cleaned
),

-- The median price of last month's lines is known before a line of this month is placed; lines that arrived after
-- their month had ended do not take part in it.
month_prices as (
    select
        month + interval '1 month' as month,
        median(unit_price) as price
    from cleaned
    where kind = 'sale' and known_us < cast(month + interval '1 month' as bigint)
    group by month
),

product_lines as (
    select
        cleaned.customer_id,
        cleaned.order_id,
        cleaned.known_us,
        cleaned.happened_us,
        cleaned.unit_price,
        month_prices.price as month_price,
        cleaned.nth
    from month_prices
    right join cleaned on month_prices.month = cleaned.month
    where cleaned.kind = 'sale' and cleaned.sku is not null
),

-- sum(nth ln nth - (nth - 1) ln (nth - 1)) telescopes to n ln n, so the entropy of the products is a running sum too.
product_events as (
    select
        customer_id,
        order_id,
        known_us,
        happened_us,
        count(*) as product_lines,
        sum(case when nth = 1 then 1 else 0 end) as new_products,
        sum(
            case
                when nth = 1 then 0
                else cast(round((nth * ln(nth) - (nth - 1) * ln(nth - 1)) * 1000000000) as bigint)
            end
        ) as n_ln_n_e9,
        sum(cast(round(unit_price * 10000) as bigint)) as price_e4,
        sum(case when month_price is not null then 1 else 0 end) as priced_lines,
        sum(case when unit_price < month_price then 1 else 0 end) as low_price_lines
    from product_lines
    group by customer_id, order_id, known_us, happened_us
),

purchases as (
    select
        customer_id,
        order_id,
        known_us,
        happened_us,
        count(*) as lines,
        sum(coalesce(amount_e4, 0)) as gross_e4,
        sum(cast(round(coalesce(quantity, 0) * 1000) as bigint)) as units_e3,
        -- Nothing is returned by a purchase; as a literal it would be a constant branch of the union below, by which
        -- DataFusion 55 cannot sort (its plan fails the sanity check).
        sum(0) as returned_e4
    from cleaned
    where kind in ('sale', 'charge')
    group by customer_id, order_id, known_us, happened_us
),

purchase_events as (
    select
        purchases.customer_id,
        purchases.order_id,
        purchases.happened_us,
        purchases.known_us,
        purchases.lines,
        purchases.gross_e4,
        purchases.units_e3,
        0 as cancelled_e4,
        purchases.returned_e4,
        0 as return_lines,
        coalesce(product_events.product_lines, 0) as product_lines,
        coalesce(product_events.new_products, 0) as new_products,
        coalesce(product_events.n_ln_n_e9, 0) as n_ln_n_e9,
        coalesce(product_events.price_e4, 0) as price_e4,
        coalesce(product_events.priced_lines, 0) as priced_lines,
        coalesce(product_events.low_price_lines, 0) as low_price_lines
    from purchases
    left join product_events
        on
            purchases.customer_id = product_events.customer_id
            and purchases.order_id = product_events.order_id
            and purchases.known_us = product_events.known_us
            and purchases.happened_us = product_events.happened_us
),

cancellation_events as (
    select
        customer_id,
        cancels_order_id as order_id,
        cancels_us as happened_us,
        known_us,
        0 as lines,
        0 as gross_e4,
        0 as units_e3,
        sum(-amount_e4) as cancelled_e4,
        sum(-amount_e4) as returned_e4,
        count(*) as return_lines,
        0 as product_lines,
        0 as new_products,
        0 as n_ln_n_e9,
        0 as price_e4,
        0 as priced_lines,
        0 as low_price_lines
    from cleaned
    where cancels_order_id is not null
    group by customer_id, cancels_order_id, known_us, cancels_us
),

-- Returns without a sale (it lies before the data, or was never billed) reduce no order: they are only counted.
unlinked_return_events as (
    select
        customer_id,
        order_id,
        happened_us,
        known_us,
        0 as lines,
        0 as gross_e4,
        0 as units_e3,
        0 as cancelled_e4,
        sum(-amount_e4) as returned_e4,
        count(*) as return_lines,
        0 as product_lines,
        0 as new_products,
        0 as n_ln_n_e9,
        0 as price_e4,
        0 as priced_lines,
        0 as low_price_lines
    from cleaned
    where kind = 'return' and cancels_order_id is null
    group by customer_id, order_id, known_us, happened_us
),

events as (
    select * from purchase_events
    union all
    select * from cancellation_events
    union all
    select * from unlinked_return_events
)

select
    customer_id,
    order_id,
    happened_us,
    known_us,
    sum(lines) as lines,
    sum(gross_e4) as gross_e4,
    sum(units_e3) as units_e3,
    sum(cancelled_e4) as cancelled_e4,
    sum(returned_e4) as returned_e4,
    sum(return_lines) as return_lines,
    sum(product_lines) as product_lines,
    sum(new_products) as new_products,
    sum(n_ln_n_e9) as n_ln_n_e9,
    sum(price_e4) as price_e4,
    sum(priced_lines) as priced_lines,
    sum(low_price_lines) as low_price_lines
from events
group by customer_id, order_id, known_us, happened_us
order by customer_id, known_us, order_id, happened_us
