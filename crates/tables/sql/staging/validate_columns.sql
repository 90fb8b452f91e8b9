-- How many lines fill each column, and the time they span.
select
    count(*) as lines,
    count(customer_id) as customer_id,
    count(order_id) as order_id,
    count(sku) as sku,
    count(description) as description,
    count(quantity) as quantity,
    count(unit_price) as unit_price,
    count(amount) as amount,
    count(recorded_at) as recorded_at,
    count(country) as country,
    count(currency) as currency,
    count(discount) as discount,
    count(category) as category,
    count(channel) as channel,
    count(store) as store,
    min(ordered_at) as first_at,
    max(ordered_at) as last_at
from transactions
