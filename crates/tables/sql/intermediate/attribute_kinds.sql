-- Whether each attribute is a number, by what was known of it before the first snapshot: later values cannot change it.
--
-- An attribute of which nothing was known by then is judged by its earliest values, and is not settled: no snapshot
-- before these may depend on them.
with

customers as (
    select
        attribute,
        coalesce(cast(valid_from as bigint), $first_us - 1) as from_us,
        number is not null as is_number,
        lower(text) in ('null', 'na', 'n/a', 'none', '\n', '-', 'nan') as is_nothing
    from customers
),

earliest as (
    select
        attribute,
        min(from_us) as from_us
    from customers
    group by attribute
)

select
    customers.attribute,
    earliest.from_us < $first_us as is_settled,
    coalesce(
        bool_and(customers.is_number) filter (
            where not customers.is_nothing and customers.from_us < greatest($first_us, earliest.from_us + 1)
        ),
        false
    ) as is_number,
    sum(
        case when not customers.is_number and not customers.is_nothing and customers.from_us < $as_of_us then 1 else 0 end
    ) as words
from customers
inner join earliest on customers.attribute = earliest.attribute
group by customers.attribute, earliest.from_us
order by customers.attribute
