-- Cancelled lines of known customers and products by whether the same customer bought the product before: the first
-- 20 of each group by name, the rest as a count.
with cancellations as (
    select source, line_no, order_id, customer_id, sku, quantity, unit_price, ordered_at
    from transactions
    where quantity < 0
        and customer_id is not null
        and sku is not null
        and (starts_with(order_id, $cancellation_prefix) or starts_with(order_id, lower($cancellation_prefix)))
        and translate(substr(order_id, character_length($cancellation_prefix) + 1), '0123456789', '') = ''
        and not regexp_like(upper(sku), $non_product_pattern)
),

sales as (
    select customer_id, sku, ordered_at
    from transactions
    where quantity > 0
        and customer_id is not null
        and sku is not null
),

pairs as (
    select customer_id, sku
    from cancellations
    group by customer_id, sku
),

-- The few pairs stand on the left, where the join keeps them in memory and the sales stream by.
first_sales as (
    select pairs.customer_id, pairs.sku, min(sales.ordered_at) as first_sold_at
    from pairs
    inner join sales on pairs.customer_id = sales.customer_id and pairs.sku = sales.sku
    group by pairs.customer_id, pairs.sku
),

linked as (
    select
        cancellations.source,
        cancellations.line_no,
        cancellations.order_id,
        cancellations.customer_id,
        cancellations.sku,
        cancellations.quantity,
        cancellations.unit_price,
        cancellations.ordered_at,
        case
            when first_sales.first_sold_at is null then 'no sale'
            when first_sales.first_sold_at > cancellations.ordered_at then 'later sale'
            else 'earlier sale'
        end as found
    from cancellations
    left join first_sales
        on cancellations.customer_id = first_sales.customer_id and cancellations.sku = first_sales.sku
),

ranked as (
    select
        source, line_no, order_id, customer_id, sku, quantity, unit_price, ordered_at, found,
        row_number() over (partition by found order by line_no, source) as place,
        count(*) over (partition by found) as lines
    from linked
)

select
    found,
    lines,
    source,
    line_no,
    order_id,
    customer_id,
    sku,
    quantity,
    unit_price,
    ordered_at
from ranked
where place <= 20
order by found, place
