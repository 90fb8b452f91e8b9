-- The canonical table with another future: what was known before $at is as it was, what came after is changed as $how
-- says. The last line of all keeps its time, so that the calendar of the snapshots does not move.
with

transactions as (
    select
        *,
        greatest(ordered_at, coalesce(recorded_at, ordered_at)) as known_at
    from transactions
),

numbered as (
    select
        *,
        row_number() over (partition by known_at < $at order by known_at, source, line_no) as nth,
        count(*) over (partition by known_at < $at) as of_all
    from transactions
),

past as (select * from numbered where known_at < $at),

future as (select * from numbered where known_at >= $at),

-- Every future line beside the customer of another one.
donors as (
    select
        customer_id as donor_id,
        nth as donor_nth
    from future
),

changed_future as (
    select
        * exclude (donor_id, donor_nth) replace (
            case
                when $how = 'dealt out' then donor_id
                when $how = 'renamed' then concat('new-', cast(nth % 97 as varchar))
                else customer_id
            end as customer_id,
            case when $how = 'renamed' then concat('new-', cast(nth % 89 as varchar)) else sku end as sku,
            case when $how <> 'renamed' then description end as description,
            case when $how = 'multiplied' then quantity * 10 else quantity end as quantity,
            case when $how = 'multiplied' then unit_price * 10 else unit_price end as unit_price,
            case when $how = 'multiplied' then amount * 100 else amount end as amount,
            case when $how = 'renamed' then 'Nowhere' else country end as country,
            case when $how = 'renamed' then 'none' else category end as category,
            case when $how = 'renamed' then 'none' else channel end as channel,
            case when $how = 'renamed' then 'none' else store end as store
        )
    from future
    inner join donors on donors.donor_nth = (future.nth * 7 + 13) % future.of_all + 1
    where $how <> 'deleted' or future.nth = future.of_all
),

-- Every fifth past sale is cancelled as a whole in the second after $at.
returned as (
    select
        * replace (
            concat($cancellation_prefix, '9', cast(nth as varchar)) as order_id,
            -quantity as quantity,
            -amount as amount,
            $at + interval '1 second' as ordered_at,
            case when recorded_at is not null then $at + interval '1 second' end as recorded_at,
            line_no + 1000000000 as line_no
        )
    from past
    where $how = 'returned' and nth % 5 = 0 and quantity > 0
),

-- Every fifth past line comes once more, as another order that arrives a second after $at.
late as (
    select
        * replace (
            concat(order_id, '9') as order_id,
            $at + interval '1 second' as recorded_at,
            line_no + 1000000000 as line_no
        )
    from past
    where $how = 'late' and nth % 5 = 0
),

lines as (
    select * from past
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
