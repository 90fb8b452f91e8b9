-- Lines by country and currency, before and since an instant.
select
    country,
    currency,
    ordered_at >= $recent_from as is_recent,
    count(*) as lines
from transactions
where ordered_at < $data_end
group by country, currency, ordered_at >= $recent_from
order by country, currency, is_recent
