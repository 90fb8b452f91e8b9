-- Lines by the source they came from.
select
    source,
    count(*) as lines
from transactions
group by source
order by source
