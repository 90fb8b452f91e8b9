-- How far the table of customers and the buyers known before as_of are the same customers.
with

customers as (select distinct customer_id from customers),

buyers as (
    select distinct customer_id
    from order_events
    where lines > 0 and known_us < $as_of_us
)

select
    count(customers.customer_id) as customers,
    count(buyers.customer_id) as buyers,
    coalesce(sum(case when customers.customer_id = buyers.customer_id then 1 else 0 end), 0) as matched
from customers
full join buyers on customers.customer_id = buyers.customer_id
