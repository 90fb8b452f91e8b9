-- Every line of the source with its problems, each a truth value (null where the line cannot have it).
with lines as (
    select
        source, line_no, order_id, customer_id, sku, description, quantity, unit_price, amount, discount,
        ordered_at, recorded_at, country,
        coalesce(
            $cancellation_prefix <> ''
            and (starts_with(order_id, $cancellation_prefix) or starts_with(order_id, lower($cancellation_prefix)))
            and translate(substr(order_id, character_length($cancellation_prefix) + 1), '0123456789', '') = '',
            false
        ) as is_cancellation,
        amount - quantity * unit_price as amount_error
    from transactions
)

select
    source,
    line_no,
    order_id,
    customer_id,
    sku,
    description,
    quantity,
    unit_price,
    amount,
    ordered_at,
    country,
    customer_id is null or customer_id = '' as lacks_customer,
    order_id is null or order_id = '' as lacks_order,
    sku is null or sku = '' as lacks_sku,
    description is null or description = '' as lacks_description,
    country is null
    or country in ('', '?', '-', 'N/A', 'n/a', 'None', 'Unknown', 'unknown', 'Unspecified', 'unspecified')
        as lacks_country,
    amount is null and (quantity is null or unit_price is null) as lacks_money,
    unit_price = 0 as price_is_zero,
    unit_price < 0 as price_is_negative,
    quantity = 0 as quantity_is_zero,
    quantity < 0 as quantity_is_negative,
    discount < 0 as discount_is_negative,
    quantity > $quantity_bound or quantity < -$quantity_bound as quantity_is_extreme,
    unit_price > $price_bound or unit_price < -$price_bound as price_is_extreme,
    amount > $amount_bound or amount < -$amount_bound as amount_is_extreme,
    -- Not-a-number sorts above every number, so the comparison finds it together with infinity.
    quantity > 1.7e308 or quantity < -1.7e308
    or unit_price > 1.7e308 or unit_price < -1.7e308
    or amount > 1.7e308 or amount < -1.7e308
        as is_not_finite,
    greatest(ordered_at, coalesce(recorded_at, ordered_at)) >= $as_of as is_after_as_of,
    ordered_at < timestamp '1980-01-01 00:00:00' as is_before_1980,
    recorded_at < ordered_at as is_recorded_before,
    is_cancellation,
    is_cancellation and (quantity is null or quantity >= 0) as cancels_without_negative,
    not is_cancellation and quantity < 0 as negative_without_cancelling,
    -- A discount may stand between amount and product, so only lines without one are held to it.
    amount_error is not null and (discount is null or discount = 0) as amount_is_checkable,
    -- More than a cent and half a cent a unit apart.
    (discount is null or discount = 0)
    and amount_error * amount_error > 0.0001 + 0.000025 * quantity * quantity
        as amount_differs
from lines
