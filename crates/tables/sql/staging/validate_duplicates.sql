-- Lines that say the same as another line in every column but their place.
with lines as (
    select
        source, line_no, order_id, customer_id, sku, description, quantity, unit_price, amount, ordered_at,
        recorded_at, country, currency, discount, category, channel, store
    from transactions
),

-- A key that is cheap to hash and seldom repeats; only what repeats in it is compared in full.
suspects as (
    select order_id, customer_id, sku, quantity, ordered_at
    from lines
    group by order_id, customer_id, sku, quantity, ordered_at
    having count(*) > 1
),

-- The few suspects stand on the left, where the join keeps them in memory and the lines stream by.
candidates as (
    select lines.*
    from suspects
    inner join lines
        on
            (suspects.order_id is not distinct from lines.order_id)
            and (suspects.customer_id is not distinct from lines.customer_id)
            and (suspects.sku is not distinct from lines.sku)
            and (suspects.quantity is not distinct from lines.quantity)
            and (suspects.ordered_at is not distinct from lines.ordered_at)
),

by_source as (
    select
        order_id, customer_id, sku, description, quantity, unit_price, amount, ordered_at, recorded_at, country,
        currency, discount, category, channel, store, source,
        count(*) as copies,
        min(line_no) as first_line,
        max(line_no) as last_line
    from candidates
    group by
        order_id, customer_id, sku, description, quantity, unit_price, amount, ordered_at, recorded_at, country,
        currency, discount, category, channel, store, source
),

-- What one source repeats is `within`; what the fullest source already has and another gives again is `across`.
repeated as (
    select
        order_id, customer_id, sku, ordered_at, quantity, unit_price,
        min(source) as first_source,
        max(source) as last_source,
        min(first_line) as first_line,
        max(last_line) as last_line,
        max(copies) - 1 as within_source,
        sum(copies) - max(copies) as across_sources
    from by_source
    group by
        order_id, customer_id, sku, description, quantity, unit_price, amount, ordered_at, recorded_at, country,
        currency, discount, category, channel, store
    having sum(copies) > 1
),

-- Both kinds of each content side by side: a union would run everything above twice.
kinds as (
    select
        kinds.kind,
        case kinds.kind when 'within' then within_source else across_sources end as extra,
        order_id, customer_id, sku, ordered_at, quantity, unit_price, first_source, first_line, last_source, last_line
    from repeated
    cross join (values ('across'), ('within')) as kinds (kind)
),

ranked as (
    select
        kind, extra, order_id, customer_id, sku, ordered_at, quantity, unit_price, first_source, first_line,
        last_source, last_line,
        row_number() over (partition by kind order by first_source, first_line, last_source, last_line) as place,
        sum(extra) over (partition by kind) as extra_lines
    from kinds
    where extra > 0
)

select
    kind,
    extra_lines,
    extra,
    order_id,
    customer_id,
    sku,
    ordered_at,
    quantity,
    unit_price,
    first_source,
    first_line,
    last_source,
    last_line
from ranked
where place <= 20
order by kind, place
