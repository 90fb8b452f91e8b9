-- Features of every acquired customer at every snapshot, from what was known strictly before it.
--
-- Money is added up in integers of 1/10,000 and time in microseconds; both become numbers only in the last step, so
-- that no sum depends on the plan. A purchase is an order with a sale or a charge. A day is 86,400,000,000 us.
with

order_events as (
    select
        customer_id,
        order_id,
        happened_us,
        known_us,
        lines,
        gross_e4,
        units_e3,
        cancelled_e4,
        returned_e4,
        return_lines,
        product_lines,
        new_products,
        n_ln_n_e9,
        price_e4,
        priced_lines,
        low_price_lines
    from order_events
),

snapshots as (select as_of, as_of_us from snapshots),

orders as (
    select
        snapshots.as_of,
        snapshots.as_of_us,
        order_events.customer_id,
        order_events.order_id,
        min(case when order_events.lines > 0 then order_events.happened_us end) as happened_us,
        sum(order_events.lines) as lines,
        sum(order_events.gross_e4) as gross_e4,
        sum(order_events.gross_e4 - order_events.cancelled_e4) as net_e4,
        sum(order_events.units_e3) as units_e3,
        sum(order_events.returned_e4) as returned_e4,
        sum(order_events.return_lines) as return_lines,
        sum(order_events.product_lines) as product_lines,
        sum(order_events.new_products) as new_products,
        sum(order_events.n_ln_n_e9) as n_ln_n_e9,
        sum(order_events.price_e4) as price_e4,
        sum(order_events.priced_lines) as priced_lines,
        sum(order_events.low_price_lines) as low_price_lines
    from order_events
    inner join snapshots on order_events.known_us < snapshots.as_of_us
    group by snapshots.as_of, snapshots.as_of_us, order_events.customer_id, order_events.order_id
),

timed as (
    select
        as_of,
        as_of_us,
        customer_id,
        happened_us,
        lines,
        gross_e4,
        net_e4,
        cast(net_e4 as decimal(19, 0)) * cast(net_e4 as decimal(19, 0)) as net_square_e8,
        units_e3,
        returned_e4,
        return_lines,
        product_lines,
        new_products,
        n_ln_n_e9,
        price_e4,
        priced_lines,
        low_price_lines,
        -- Days are counted from 1900, the first year that is read: a division of negative numbers would round up.
        (happened_us + 2208988800000000) / 86400000000 - lag((happened_us + 2208988800000000) / 86400000000) over (
            partition by as_of, customer_id
            order by happened_us nulls last, order_id
        ) as gap_days,
        row_number() over (
            partition by as_of, customer_id
            order by happened_us nulls last, order_id
        ) as nth,
        date_part('month', to_timestamp_micros(happened_us)) as month_number,
        date_part('dow', to_timestamp_micros(happened_us)) as day_of_week
    from orders
),

customers as (
    select
        as_of,
        as_of_us,
        customer_id,
        min(happened_us) as first_us,
        max(happened_us) as last_us,
        sum(case when lines > 0 then 1 else 0 end) as orders,
        sum(case when lines > 0 then net_e4 else 0 end) as net_e4,
        sum(case when lines > 0 then net_square_e8 end) as net_square_e8,
        sum(gross_e4) as gross_e4,
        max(case when lines > 0 then net_e4 end) as order_max_e4,
        last_value(net_e4 order by case when lines > 0 then nth else 0 end) as order_last_e4,
        sum(lines) as lines,
        sum(units_e3) as units_e3,
        sum(returned_e4) as returned_e4,
        sum(return_lines) as return_lines,
        sum(product_lines) as product_lines,
        sum(new_products) as new_products,
        sum(n_ln_n_e9) as n_ln_n_e9,
        sum(price_e4) as price_e4,
        sum(priced_lines) as priced_lines,
        sum(low_price_lines) as low_price_lines,
        sum(case when gap_days > 0 then 1 else 0 end) as gaps,
        sum(case when gap_days > 0 then gap_days else 0 end) as gap_days,
        sum(case when gap_days > 0 then gap_days * gap_days else 0 end) as gap_square,
        max(case when gap_days > 0 then gap_days end) as gap_max,
        sum(case when lines > 0 and month_number >= 10 then 1 else 0 end) as q4_orders,
        sum(case when lines > 0 and day_of_week in (0, 6) then 1 else 0 end) as weekend_orders,
        sum(case when lines > 0 and happened_us >= as_of_us - 2592000000000 then 1 else 0 end) as orders_30d,
        sum(case when lines > 0 and happened_us >= as_of_us - 5184000000000 then 1 else 0 end) as orders_60d,
        sum(case when lines > 0 and happened_us >= as_of_us - 7776000000000 then 1 else 0 end) as orders_90d,
        sum(case when lines > 0 and happened_us >= as_of_us - 15552000000000 then 1 else 0 end) as orders_180d,
        sum(case when lines > 0 and happened_us >= as_of_us - 31536000000000 then 1 else 0 end) as orders_365d,
        sum(case when lines > 0 and happened_us >= as_of_us - 2592000000000 then net_e4 else 0 end) as net_30d_e4,
        sum(case when lines > 0 and happened_us >= as_of_us - 5184000000000 then net_e4 else 0 end) as net_60d_e4,
        sum(case when lines > 0 and happened_us >= as_of_us - 7776000000000 then net_e4 else 0 end) as net_90d_e4,
        sum(case when lines > 0 and happened_us >= as_of_us - 15552000000000 then net_e4 else 0 end) as net_180d_e4,
        sum(case when lines > 0 and happened_us >= as_of_us - 31536000000000 then net_e4 else 0 end) as net_365d_e4,
        sum(
            case
                when lines > 0
                    then cast(round(power(0.5, (as_of_us - happened_us) / 2592000000000.0) * 1000000000) as bigint)
                else 0
            end
        ) as orders_decayed_30d_e9,
        sum(
            case
                when lines > 0
                    then cast(round(power(0.5, (as_of_us - happened_us) / 7776000000000.0) * 1000000000) as bigint)
                else 0
            end
        ) as orders_decayed_90d_e9,
        sum(
            case
                when lines > 0
                    then cast(round(power(0.5, (as_of_us - happened_us) / 31536000000000.0) * 1000000000) as bigint)
                else 0
            end
        ) as orders_decayed_365d_e9,
        sum(
            case
                when lines > 0
                    then cast(round(power(0.5, (as_of_us - happened_us) / 7776000000000.0) * net_e4) as bigint)
                else 0
            end
        ) as revenue_decayed_90d_e4,
        sum(
            case
                when
                    lines > 0
                    and happened_us >= as_of_us - 31536000000000
                    and happened_us < as_of_us - 31536000000000 + $season_days * 86400000000
                    then 1
                else 0
            end
        ) as season_orders,
        sum(
            case
                when
                    lines > 0
                    and happened_us >= as_of_us - 31536000000000
                    and happened_us < as_of_us - 31536000000000 + $season_days * 86400000000
                    then net_e4
                else 0
            end
        ) as season_net_e4
    from timed
    group by as_of, as_of_us, customer_id
),

acquired as (
    select
        as_of,
        customer_id,
        (as_of_us - last_us) / 86400000000.0 as recency_days,
        orders as frequency,
        net_e4 / 10000.0 as monetary_total,
        net_e4 / 10000.0 / orders as monetary_avg,
        (as_of_us - first_us) / 86400000000.0 as tenure_days,
        (last_us - first_us) / 86400000000.0 as active_span_days,
        case when gaps > 0 then gap_days / cast(gaps as double) end as gap_mean_days,
        case
            when gaps > 1
                then
                    sqrt(greatest(gap_square / cast(gaps as double) - power(gap_days / cast(gaps as double), 2), 0.0))
                    / (gap_days / cast(gaps as double))
        end as gap_cv,
        cast(gap_max as double) as gap_max_days,
        gaps + 1 as purchase_days,
        case when gaps > 0 then (as_of_us - last_us) / 86400000000.0 / (gap_days / cast(gaps as double)) end
            as recency_over_gap,
        orders_30d,
        orders_60d,
        orders_90d,
        orders_180d,
        orders_365d,
        net_30d_e4 / 10000.0 as revenue_30d,
        net_60d_e4 / 10000.0 as revenue_60d,
        net_90d_e4 / 10000.0 as revenue_90d,
        net_180d_e4 / 10000.0 as revenue_180d,
        net_365d_e4 / 10000.0 as revenue_365d,
        orders_decayed_30d_e9 / 1e9 as orders_decayed_30d,
        orders_decayed_90d_e9 / 1e9 as orders_decayed_90d,
        orders_decayed_365d_e9 / 1e9 as orders_decayed_365d,
        revenue_decayed_90d_e4 / 10000.0 as revenue_decayed_90d,
        2 * orders_90d - orders_180d as orders_trend_90d,
        (2 * net_90d_e4 - net_180d_e4) / 10000.0 as revenue_trend_90d,
        order_max_e4 / 10000.0 as order_max,
        order_last_e4 / 10000.0 as order_last,
        case
            when orders > 1
                then
                    sqrt(
                        greatest(
                            cast(net_square_e8 as double) / 100000000.0
                            - power(net_e4 / 10000.0, 2) / orders,
                            0.0
                        ) / (orders - 1)
                    )
        end as order_sd,
        units_e3 / 1000.0 / orders as units_per_order,
        lines / cast(orders as double) as lines_per_order,
        case when product_lines > 0 then new_products end as unique_products,
        case when product_lines > 0 then 1.0 - new_products / cast(product_lines as double) end
            as repeat_product_share,
        case
            when product_lines > 0
                then greatest(ln(cast(product_lines as double)) - n_ln_n_e9 / 1e9 / product_lines, 0.0)
        end as product_entropy,
        return_lines / cast(lines as double) as return_rate,
        case when gross_e4 > 0 then returned_e4 / cast(gross_e4 as double) end as returned_value_share,
        case when product_lines > 0 then price_e4 / 10000.0 / product_lines end as unit_price_avg,
        case when priced_lines > 0 then low_price_lines / cast(priced_lines as double) end as low_price_share,
        q4_orders / cast(orders as double) as q4_share,
        weekend_orders / cast(orders as double) as weekend_share,
        case when first_us < as_of_us - 31536000000000 then season_orders end as orders_season_last_year,
        case when first_us < as_of_us - 31536000000000 then season_net_e4 / 10000.0 end as revenue_season_last_year
    from customers
    where orders > 0
)

select
    as_of,
    customer_id,
    recency_days,
    frequency,
    monetary_total,
    monetary_avg,
    tenure_days,
    active_span_days,
    gap_mean_days,
    gap_cv,
    gap_max_days,
    purchase_days,
    recency_over_gap,
    orders_30d,
    orders_60d,
    orders_90d,
    orders_180d,
    orders_365d,
    revenue_30d,
    revenue_60d,
    revenue_90d,
    revenue_180d,
    revenue_365d,
    orders_decayed_30d,
    orders_decayed_90d,
    orders_decayed_365d,
    revenue_decayed_90d,
    orders_trend_90d,
    revenue_trend_90d,
    order_max,
    order_last,
    order_sd,
    units_per_order,
    lines_per_order,
    unique_products,
    repeat_product_share,
    product_entropy,
    return_rate,
    returned_value_share,
    unit_price_avg,
    low_price_share,
    q4_share,
    weekend_share,
    orders_season_last_year,
    revenue_season_last_year,
    25.0 * (
        percent_rank() over (partition by as_of order by recency_days desc)
        + percent_rank() over (partition by as_of order by orders_180d)
        + percent_rank() over (partition by as_of order by revenue_180d)
        + percent_rank() over (partition by as_of order by tenure_days)
    ) as engagement_score,
    orders_90d as frequency_90d,
    revenue_90d as monetary_90d,
    monetary_avg as avg_basket
from acquired
order by as_of, customer_id
