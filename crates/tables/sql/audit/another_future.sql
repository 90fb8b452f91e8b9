-- The canonical table with another future: what was known before $at is as it was, what came after is changed as $how
-- says. The last line of all keeps its time, so that the calendar of the snapshots does not move.
with

transactions as (
    select
        *,
        greatest(ordered_at, coalesce(recorded_at, ordered_at)) as known_at
    from transactions
),

past as (
    select
        *,
        row_number() over (order by known_at, source, line_no) as nth
    from transactions
    where known_at < $at
),

future as (
    select
        *,
        row_number() over (order by known_at, source, line_no) as nth,
        count(*) over () as lines
    from transactions
    where known_at >= $at
),

-- Every future line with the customer of another future line.
donors as (
    select
        customer_id as donor_id,
        nth as donor_nth
    from future
),

changed_future as (
    select
        case
            when $how = 'dealt out' then donors.donor_id
            when $how = 'renamed' then concat('new-', cast(future.nth % 97 as varchar))
            else future.customer_id
        end as customer_id,
        future.order_id,
        case when $how = 'renamed' then concat('new-', cast(future.nth % 89 as varchar)) else future.sku end as sku,
        case when $how = 'renamed' then null else future.description end as description,
        case when $how = 'multiplied' then future.quantity * 10 else future.quantity end as quantity,
        case when $how = 'multiplied' then future.unit_price * 10 else future.unit_price end as unit_price,
        case when $how = 'multiplied' then future.amount * 100 else future.amount end as amount,
        future.ordered_at,
        future.recorded_at,
        case when $how = 'renamed' then 'Nowhere' else future.country end as country,
        future.currency,
        future.discount,
        case when $how = 'renamed' then 'none' else future.category end as category,
        case when $how = 'renamed' then 'none' else future.channel end as channel,
        case when $how = 'renamed' then 'none' else future.store end as store,
        future.source,
        future.line_no
    from future
    inner join donors on donors.donor_nth = (future.nth * 7 + 13) % future.lines + 1
    where $how <> 'deleted' or future.nth = future.lines
),

unchanged_past as (
    select
        customer_id,
        order_id,
        sku,
        description,
        quantity,
        unit_price,
        amount,
        ordered_at,
        recorded_at,
        country,
        currency,
        discount,
        category,
        channel,
        store,
        source,
        line_no
    from past
),

-- Every fifth past sale is cancelled as a whole in the second after $at.
returned as (
    select
        customer_id,
        concat($cancellation_prefix, '9', cast(nth as varchar)) as order_id,
        sku,
        description,
        -quantity as quantity,
        unit_price,
        -amount as amount,
        $at + interval '1 second' as ordered_at,
        case when recorded_at is not null then $at + interval '1 second' end as recorded_at,
        country,
        currency,
        discount,
        category,
        channel,
        store,
        source,
        line_no + 1000000000 as line_no
    from past
    where $how = 'returned' and nth % 5 = 0 and quantity > 0
),

-- Every fifth past line comes once more, as another order that arrives a second after $at.
late as (
    select
        customer_id,
        concat(order_id, '9') as order_id,
        sku,
        description,
        quantity,
        unit_price,
        amount,
        ordered_at,
        $at + interval '1 second' as recorded_at,
        country,
        currency,
        discount,
        category,
        channel,
        store,
        source,
        line_no + 1000000000 as line_no
    from past
    where $how = 'late' and nth % 5 = 0
),

lines as (
    select * from unchanged_past
    union all
    select * from changed_future
    union all
    select * from returned
    union all
    select * from late
)

select
    customer_id,
    order_id,
    sku,
    description,
    quantity,
    unit_price,
    amount,
    ordered_at,
    recorded_at,
    country,
    currency,
    discount,
    category,
    channel,
    store,
    source,
    line_no
from lines
order by source, line_no
