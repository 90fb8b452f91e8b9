-- Products with the problems they have as a sum of powers of two: the first 20 of each sum by name, the rest as a count.
with wordings as (
    select
        sku,
        description,
        count(*) as lines,
        min(source) as source,
        min(line_no) as line_no
    from transactions
    group by sku, description
),

-- A replacement character or a pair of letters that UTF-8 leaves when it is read as a Western code page.
judged as (
    select
        sku,
        upper(btrim(description)) as wording,
        lines,
        source,
        line_no,
        case
            when strpos(description, '�') > 0
                or strpos(description, 'Ã©') > 0 or strpos(description, 'Ã¨') > 0 or strpos(description, 'Ã¼') > 0
                or strpos(description, 'Ã¶') > 0 or strpos(description, 'Ã¤') > 0 or strpos(description, 'Ã±') > 0
                or strpos(description, 'Â£') > 0 or strpos(description, 'â€') > 0
                then lines
            else 0
        end as damaged_lines
    from wordings
),

products as (
    select
        sku,
        min(source) as source,
        min(line_no) as line_no,
        sum(lines) as lines,
        sum(damaged_lines) as damaged_lines,
        count(distinct wording) as wordings,
        min(wording) as first_wording,
        max(wording) as last_wording,
        case when sku is not null and count(distinct wording) > 1 then 1 else 0 end
        + case when regexp_like(upper(sku), $non_product_pattern) then 2 else 0 end
        + case when sum(damaged_lines) > 0 then 4 else 0 end
        + case when sku is null then 8 else 0 end
        as flags
    from judged
    group by sku
),

ranked as (
    select
        sku, source, line_no, lines, damaged_lines, wordings, first_wording, last_wording, flags,
        row_number() over (partition by flags order by lines desc, sku) <= 20 and flags > 0 as is_named
    from products
)

select
    flags,
    is_named,
    case when is_named then sku end as sku,
    case when is_named then first_wording end as first_wording,
    case when is_named then last_wording end as last_wording,
    min(source) as source,
    min(line_no) as line_no,
    count(*) as products,
    sum(lines) as lines,
    sum(damaged_lines) as damaged_lines,
    sum(wordings) as wordings
from ranked
group by
    flags,
    is_named,
    case when is_named then sku end,
    case when is_named then first_wording end,
    case when is_named then last_wording end
order by flags, is_named desc, lines desc, sku
