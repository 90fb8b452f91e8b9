-- Lines by the hour in which they were ordered.
select
    date_trunc('hour', ordered_at) as hour,
    count(*) as lines
from transactions
group by date_trunc('hour', ordered_at)
order by hour
