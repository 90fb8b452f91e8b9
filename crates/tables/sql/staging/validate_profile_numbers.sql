-- How the numbers of a period's lines are distributed: lines by bin of quantity, price and amount together.
--
-- A bin is a quarter of a natural logarithm, sign * (1000 + floor(4 ln |x|)), and 0 for zero; null where there is no
-- number.
with

transactions as (
    select
        quantity,
        unit_price,
        coalesce(amount, quantity * unit_price) as amount
    from transactions
    where ordered_at >= $start and ordered_at < $end
),

binned as (
    select
        cast(
            case
                when quantity = 0 then 0
                when abs(quantity) < 1e300 then signum(quantity) * (1000 + floor(4 * ln(abs(quantity))))
            end as bigint
        ) as quantity_bin,
        cast(
            case
                when unit_price = 0 then 0
                when abs(unit_price) < 1e300 then signum(unit_price) * (1000 + floor(4 * ln(abs(unit_price))))
            end as bigint
        ) as unit_price_bin,
        cast(
            case
                when amount = 0 then 0
                when abs(amount) < 1e300 then signum(amount) * (1000 + floor(4 * ln(abs(amount))))
            end as bigint
        ) as amount_bin
    from transactions
)

select
    quantity_bin,
    unit_price_bin,
    amount_bin,
    count(*) as lines
from binned
group by quantity_bin, unit_price_bin, amount_bin
order by quantity_bin, unit_price_bin, amount_bin
