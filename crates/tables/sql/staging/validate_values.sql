-- How often each price, quantity and amount occurs, before and since an instant.
with prices as (
    select
        'unit_price' as measure,
        unit_price as value,
        ordered_at >= $recent_from as is_recent,
        count(*) as lines
    from transactions
    where unit_price is not null
        and ordered_at < $data_end
    group by unit_price, ordered_at >= $recent_from
),

quantities as (
    select
        'quantity' as measure,
        quantity as value,
        false as is_recent,
        count(*) as lines
    from transactions
    where quantity is not null
        and ordered_at < $data_end
    group by quantity
),

amounts as (
    select
        'amount' as measure,
        amount as value,
        ordered_at >= $recent_from as is_recent,
        count(*) as lines
    from transactions
    where amount is not null
        and ordered_at < $data_end
    group by amount, ordered_at >= $recent_from
)

select measure, value, is_recent, lines from prices
union all
select measure, value, is_recent, lines from quantities
union all
select measure, value, is_recent, lines from amounts
order by measure, value, is_recent
