-- Every line of the source, classified: kept (reason is null) or set aside with stage and reason; duplicates are
-- told afterwards, while the sorted lines are written. Small tables stand on the left of a join: the engine holds the
-- left side and streams the right.
with

transactions as (
    select
        nullif(trim(customer_id), '') as customer_id,
        coalesce(order_id, concat(source, ':', cast(line_no as varchar))) as order_id,
        upper(trim(sku)) as sku,
        description,
        quantity,
        unit_price,
        round(coalesce(amount, quantity * unit_price), 4) as amount,
        ordered_at,
        recorded_at,
        -- What arrives late is known only from its arrival on.
        greatest(ordered_at, coalesce(recorded_at, ordered_at)) as known_at,
        country,
        currency,
        discount,
        category,
        channel,
        store,
        source,
        line_no
    from transactions
),

outlier_bounds as (select month, amount_lower, amount_upper from outlier_bounds),

marked as (
    select
        *,
        $cancellation_prefix <> ''
        and starts_with(upper(order_id), $cancellation_prefix)
        and translate(substr(order_id, character_length($cancellation_prefix) + 1), '0123456789', '') = ''
            as is_cancellation,
        coalesce(regexp_like(sku, $non_product_pattern), false) as is_non_product
    from transactions
),

classified as (
    select
        *,
        case
            when amount is null then 'sale'
            when is_cancellation or quantity < 0 or amount < 0
                then case when is_non_product or (amount < 0 and quantity > 0) then 'adjustment' else 'return' end
            when amount = 0 then 'adjustment'
            when is_non_product then 'charge'
            else 'sale'
        end as kind
    from marked
),

-- What gives money back: a return takes units of its product back, a credit (a manual correction, say) the whole amount
-- of a line.
returns as (
    select
        customer_id,
        sku,
        unit_price,
        -quantity as quantity,
        ordered_at,
        known_at,
        source,
        line_no,
        row_number() over (
            partition by customer_id, ordered_at, order_id, sku, quantity, unit_price
            order by known_at, source, line_no
        ) as occurrence
    from classified
    where kind = 'return' and customer_id is not null and quantity < 0 and known_at < $as_of
),

credits as (
    select
        customer_id,
        cast(round(-amount * 10000) as bigint) as amount_e4,
        ordered_at,
        known_at,
        source,
        line_no,
        row_number() over (
            partition by customer_id, ordered_at, order_id, sku, quantity, unit_price
            order by known_at, source, line_no
        ) as occurrence
    from classified
    where kind = 'adjustment' and customer_id is not null and amount < 0 and known_at < $as_of
),

sales as (
    select
        customer_id,
        sku,
        unit_price,
        quantity,
        cast(round(amount * 10000) as bigint) as amount_e4,
        kind,
        order_id,
        ordered_at,
        known_at,
        source,
        line_no
    from classified
    where kind in ('sale', 'charge') and customer_id is not null and quantity > 0 and known_at < $as_of
),

returnable as (
    select
        returns.source as return_source,
        returns.line_no as return_line_no,
        returns.known_at as returned_at,
        returns.quantity as return_quantity,
        sales.source as sale_source,
        sales.line_no as sale_line_no,
        sales.quantity as sale_quantity,
        sales.order_id as sale_order_id,
        sales.ordered_at as sale_ordered_at,
        row_number() over (
            partition by returns.source, returns.line_no
            order by sales.ordered_at desc, sales.known_at, sales.source, sales.line_no
        ) as choice
    from returns
    inner join sales
        on
            returns.customer_id = sales.customer_id
            and returns.sku = sales.sku
            and returns.unit_price = sales.unit_price
            and sales.ordered_at <= returns.ordered_at
            and sales.known_at <= returns.known_at
            and sales.quantity >= returns.quantity
    where sales.kind = 'sale' and (returns.occurrence = 1 or not $drop_duplicates)
),

creditable as (
    select
        credits.source as return_source,
        credits.line_no as return_line_no,
        credits.known_at as returned_at,
        sales.quantity as return_quantity,
        sales.source as sale_source,
        sales.line_no as sale_line_no,
        sales.quantity as sale_quantity,
        sales.order_id as sale_order_id,
        sales.ordered_at as sale_ordered_at,
        row_number() over (
            partition by credits.source, credits.line_no
            order by sales.ordered_at desc, sales.known_at, sales.source, sales.line_no
        ) as choice
    from credits
    inner join sales
        on
            credits.customer_id = sales.customer_id
            and credits.amount_e4 = sales.amount_e4
            and sales.ordered_at <= credits.ordered_at
            and sales.known_at <= credits.known_at
    where credits.occurrence = 1 or not $drop_duplicates
),

candidates as (
    select * from returnable
    union all
    select * from creditable
),

running as (
    select
        *,
        sum(return_quantity) over (
            partition by sale_source, sale_line_no
            order by returned_at, return_source, return_line_no
            rows between unbounded preceding and current row
        ) as returned_so_far
    from candidates
    where choice = 1
),

-- A line is cancelled at most once over: what exceeds its quantity stays unlinked.
links as (
    select
        return_source,
        return_line_no,
        sale_order_id,
        sale_ordered_at
    from running
    where returned_so_far <= sale_quantity
),

lines as (
    select
        classified.customer_id,
        classified.order_id,
        classified.sku,
        classified.description,
        classified.quantity,
        classified.unit_price,
        case
            when $cap_outliers and classified.kind = 'sale'
                then
                    least(
                        greatest(classified.amount, coalesce(outlier_bounds.amount_lower, classified.amount)),
                        coalesce(outlier_bounds.amount_upper, classified.amount)
                    )
            else classified.amount
        end as amount,
        classified.ordered_at,
        classified.recorded_at,
        classified.country,
        classified.currency,
        classified.discount,
        classified.category,
        classified.channel,
        classified.store,
        classified.kind,
        links.sale_order_id as cancels_order_id,
        links.sale_ordered_at as cancels_ordered_at,
        coalesce(
            classified.kind = 'sale'
            and (classified.amount > outlier_bounds.amount_upper or classified.amount < outlier_bounds.amount_lower),
            false
        ) as is_outlier,
        classified.source,
        classified.line_no,
        case
            when classified.known_at >= $as_of then 1
            when classified.customer_id is null then 2
            when
                $drop_outliers and classified.kind = 'sale'
                and (classified.amount > outlier_bounds.amount_upper or classified.amount < outlier_bounds.amount_lower)
                then 5
        end as stage,
        case
            when classified.known_at >= $as_of then 'after_as_of'
            when classified.customer_id is null then 'no_customer'
            when
                $drop_outliers and classified.kind = 'sale'
                and (classified.amount > outlier_bounds.amount_upper or classified.amount < outlier_bounds.amount_lower)
                then 'outlier'
        end as reason,
        cast(null as varchar) as record
    from outlier_bounds
    right join (links right join classified
        on links.return_source = classified.source and links.return_line_no = classified.line_no)
        on outlier_bounds.month = date_trunc('month', classified.ordered_at)
),

unparsed_lines as (
    select
        cast(null as varchar) as customer_id,
        cast(null as varchar) as order_id,
        cast(null as varchar) as sku,
        cast(null as varchar) as description,
        cast(null as double) as quantity,
        cast(null as double) as unit_price,
        cast(null as double) as amount,
        arrow_cast(null, 'Timestamp(Microsecond, None)') as ordered_at,
        arrow_cast(null, 'Timestamp(Microsecond, None)') as recorded_at,
        cast(null as varchar) as country,
        cast(null as varchar) as currency,
        cast(null as double) as discount,
        cast(null as varchar) as category,
        cast(null as varchar) as channel,
        cast(null as varchar) as store,
        cast(null as varchar) as kind,
        cast(null as varchar) as cancels_order_id,
        arrow_cast(null, 'Timestamp(Microsecond, None)') as cancels_ordered_at,
        cast(null as boolean) as is_outlier,
        source,
        line_no,
        1 as stage,
        reason,
        record
    from unparsed
),

accounted as (
    select * from lines
    union all
    select * from unparsed_lines
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
    kind,
    cancels_order_id,
    cancels_ordered_at,
    is_outlier,
    source,
    line_no,
    stage,
    reason,
    record
from accounted
order by customer_id, greatest(ordered_at, coalesce(recorded_at, ordered_at)), source, line_no
