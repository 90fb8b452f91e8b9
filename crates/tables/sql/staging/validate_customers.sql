-- Customer ids by the shape of their text and by problem: the first 20 of each group by name, the rest as a count.
with customers as (
    select
        customer_id,
        count(*) as lines,
        min(source) as source,
        min(line_no) as line_no,
        min(country) as first_country,
        max(country) as last_country
    from transactions
    where customer_id is not null
    group by customer_id
),

-- Digits become 9; an id that holds anything else keeps its separators, and its letters and digits become X.
shaped as (
    select
        customer_id, lines, source, line_no, first_country, last_country,
        case
            when translate(customer_id, '0123456789', '') = '' then translate(customer_id, '0123456789', '9999999999')
            else translate(
                upper(customer_id),
                'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
                'XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX'
            )
        end as shape,
        case
            when lower(customer_id) in (
                '0', '-1', '00000', '99999', '999999', '?', '-', 'n/a', 'none', 'null', 'nan', 'unknown', 'guest',
                'anonymous', 'test'
            )
                then 1
            else 0
        end
        + case when first_country <> last_country then 2 else 0 end
        as flags
    from customers
),

ranked as (
    select
        customer_id, lines, source, line_no, first_country, last_country, shape, flags,
        row_number() over (partition by shape, flags order by lines desc, customer_id) <= 20 as is_named
    from shaped
)

select
    shape,
    flags,
    is_named,
    case when is_named then customer_id end as customer_id,
    case when is_named then first_country end as first_country,
    case when is_named then last_country end as last_country,
    min(source) as source,
    min(line_no) as line_no,
    count(*) as customers,
    sum(lines) as lines
from ranked
group by
    shape,
    flags,
    is_named,
    case when is_named then customer_id end,
    case when is_named then first_country end,
    case when is_named then last_country end
order by shape, flags, is_named desc, lines desc, customer_id
