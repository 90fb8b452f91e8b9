-- Counts of positive line amounts by calendar month and logarithmic bin, for outlier bounds that never look ahead.
with

transactions as (
    select
        date_trunc('month', ordered_at) as month,
        coalesce(amount, quantity * unit_price) as amount
    from transactions
    where customer_id is not null and ordered_at < $as_of
),

binned as (
    select
        month,
        cast(floor(ln(amount) / $bin_width) as bigint) as bin
    from transactions
    where amount > 0
)

select
    month,
    bin,
    count(*) as lines
from binned
group by month, bin
order by month, bin
