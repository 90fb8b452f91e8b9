-- Orders with the problems they have as a sum of powers of two: the first 20 of each sum by name, the rest as a count.
with lines as (
    select source, line_no, order_id, customer_id, ordered_at
    from transactions
    where order_id is not null
),

parts as (
    select
        source,
        order_id,
        count(*) as lines,
        count(customer_id) as identified,
        min(line_no) as line_no,
        min(customer_id) as first_customer,
        max(customer_id) as last_customer,
        min(ordered_at) as first_at,
        max(ordered_at) as last_at
    from lines
    group by source, order_id
),

placed as (
    select
        source, order_id, lines, identified, line_no, first_customer, last_customer, first_at, last_at,
        case
            when first_at < lag(first_at) over (partition by source order by line_no, order_id) then 1
            else 0
        end as steps_back
    from parts
),

orders as (
    select
        order_id,
        min(source) as source,
        min(line_no) as line_no,
        count(*) as sources,
        sum(lines) as lines,
        min(first_customer) as first_customer,
        max(last_customer) as last_customer,
        min(first_at) as first_at,
        max(last_at) as last_at,
        case when min(first_customer) <> max(last_customer) then 1 else 0 end
        + case when min(first_at) <> max(last_at) then 2 else 0 end
        + case when count(*) > 1 then 4 else 0 end
        + case when sum(identified) > 0 and sum(identified) < sum(lines) then 8 else 0 end
        + case when max(steps_back) = 1 then 16 else 0 end
        + case when max(last_at) >= min(first_at) + interval '1 day' then 32 else 0 end
        as flags
    from placed
    group by order_id
),

ranked as (
    select
        order_id, source, line_no, sources, lines, first_customer, last_customer, first_at, last_at, flags,
        row_number() over (partition by flags order by source, line_no, order_id) <= 20 and flags > 0 as is_named
    from orders
)

select
    flags,
    is_named,
    case when is_named then order_id end as order_id,
    case when is_named then first_customer end as first_customer,
    case when is_named then last_customer end as last_customer,
    case when is_named then first_at end as first_at,
    case when is_named then last_at end as last_at,
    min(source) as source,
    min(line_no) as line_no,
    count(*) as orders,
    sum(lines) as lines
from ranked
group by
    flags,
    is_named,
    case when is_named then order_id end,
    case when is_named then first_customer end,
    case when is_named then last_customer end,
    case when is_named then first_at end,
    case when is_named then last_at end
order by flags, is_named desc, source, line_no, order_id
