-- What was known of each acquired customer's attributes at every snapshot, strictly before it.
--
-- A value holds from valid_from until another takes its place, so that each snapshot finds at most one. A number counts
-- as it is; of a word the share of the snapshot's customers that have the same one then.
with

customers as (
    select
        customer_id,
        attribute,
        cast(valid_from as bigint) as from_us,
        number,
        text
    from customers
),

kinds as (select attribute, is_number from attribute_kinds),

snapshots as (select as_of, as_of_us from snapshots),

order_events as (select customer_id, known_us from order_events where lines > 0),

acquired as (
    select
        customer_id,
        min(known_us) as acquired_us
    from order_events
    group by customer_id
),

sizes as (
    select
        snapshots.as_of,
        count(*) as customers
    from acquired
    inner join snapshots on acquired.acquired_us < snapshots.as_of_us
    group by snapshots.as_of
),

spans as (
    select
        customers.customer_id,
        customers.attribute,
        acquired.acquired_us,
        customers.from_us,
        lead(customers.from_us) over (
            partition by customers.customer_id, customers.attribute
            order by customers.from_us nulls first
        ) as until_us,
        case when kinds.is_number then customers.number end as number,
        case when not kinds.is_number then customers.text end as text
    from customers
    inner join acquired on customers.customer_id = acquired.customer_id
    inner join kinds on customers.attribute = kinds.attribute
),

known as (
    select
        snapshots.as_of,
        spans.customer_id,
        spans.attribute,
        spans.number,
        spans.text
    from spans
    inner join snapshots
        on
            spans.acquired_us < snapshots.as_of_us
            and (spans.from_us is null or spans.from_us < snapshots.as_of_us)
            and (spans.until_us is null or spans.until_us >= snapshots.as_of_us)
),

counted as (
    select
        as_of,
        customer_id,
        attribute,
        number,
        case when text is not null then count(*) over (partition by as_of, attribute, text) end as same
    from known
)

select
    counted.as_of,
    counted.customer_id,
    counted.attribute,
    coalesce(counted.number, counted.same / cast(sizes.customers as double)) as value
from counted
inner join sizes on counted.as_of = sizes.as_of
where counted.number is not null or counted.same is not null
order by counted.as_of, counted.customer_id, counted.attribute
