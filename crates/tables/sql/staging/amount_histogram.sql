-- Counts of positive line amounts by the month from which they were known and by logarithmic bin, for outlier bounds
-- that never look ahead.
with

transactions as (
    select
        greatest(ordered_at, coalesce(recorded_at, ordered_at)) as known_at,
        coalesce(amount, quantity * unit_price) as amount
    from transactions
    where customer_id is not null
),

binned as (
    select
        date_trunc('month', known_at) as month,
        cast(floor(ln(amount) / $bin_width) as bigint) as bin
    from transactions
    where amount > 0 and known_at < $as_of
)

select
    month,
    bin,
    count(*) as lines
from binned
group by month, bin
order by month, bin
