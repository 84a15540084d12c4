"""What every baseline does, and how it reports: typed rows of CDRs and bills kept, and the day's rollup.

Belongs here: the task, the SQL that two of the tools share, the sums by which unequal work is found. Does not: imports
beyond the standard library, because Spark's interpreter has nothing of ours installed.

    python -m benchmarks.baselines.with_duckdb work.json

A work file holds `cdr` and `bills` (lists of CSV paths), `columns` (of each: name -> type of the contract), `out` (a
new folder), `time_zone` (IANA name of the operator's) and `service_numbers`. A program prints one line of JSON:
`seconds` and `cpu` of the work without imports and start, and `sums` of what came out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MEASURES = (
    "records",
    "voice_out_seconds",
    "voice_in_seconds",
    "voice_out_calls",
    "voice_in_calls",
    "long_distance_seconds",
    "roaming_seconds",
    "night_seconds",
    "sms_out",
    "sms_in",
    "uplink_bytes",
    "downlink_bytes",
    "charge_amount",
    "distinct_contacts",
    "hotline_calls",
    "hotline_seconds",
)
ROLLUP_SQL = """
with records as (
    select
        served_msisdn,
        {local_date} as usage_date,
        {local_hour} as usage_hour,
        answer_time,
        direction = 'outgoing' as is_outgoing,
        roaming,
        long_distance,
        uplink_bytes,
        downlink_bytes,
        charge,
        case when call_type = 'voice' then call_duration else 0 end as voice_seconds,
        case when call_type = 'voice' then 1 else 0 end as calls,
        case when call_type = 'sms' then 1 else 0 end as messages,
        case when direction = 'outgoing' then called_number else calling_number end as other_number,
        coalesce(
            case when direction = 'outgoing' then called_number else calling_number end in ({service_numbers}), false
        ) as is_with_hotline
    from cdr
)

select
    served_msisdn,
    usage_date,
    count(*) as records,
    cast(sum(case when is_outgoing then voice_seconds else 0 end) as bigint) as voice_out_seconds,
    cast(sum(case when is_outgoing then 0 else voice_seconds end) as bigint) as voice_in_seconds,
    cast(sum(case when is_outgoing then calls else 0 end) as bigint) as voice_out_calls,
    cast(sum(case when is_outgoing then 0 else calls end) as bigint) as voice_in_calls,
    cast(sum(case when long_distance then voice_seconds else 0 end) as bigint) as long_distance_seconds,
    cast(sum(case when roaming then voice_seconds else 0 end) as bigint) as roaming_seconds,
    cast(sum(case when usage_hour >= 22 or usage_hour < 6 then voice_seconds else 0 end) as bigint) as night_seconds,
    cast(sum(case when is_outgoing then messages else 0 end) as bigint) as sms_out,
    cast(sum(case when is_outgoing then 0 else messages end) as bigint) as sms_in,
    cast(sum(uplink_bytes) as bigint) as uplink_bytes,
    cast(sum(downlink_bytes) as bigint) as downlink_bytes,
    cast(sum(charge) as decimal(18, 4)) as charge_amount,
    count(distinct case when calls + messages > 0 and not is_with_hotline then other_number end) as distinct_contacts,
    cast(sum(case when is_outgoing and is_with_hotline then calls else 0 end) as bigint) as hotline_calls,
    cast(sum(case when is_outgoing and is_with_hotline then voice_seconds else 0 end) as bigint) as hotline_seconds,
    max(answer_time) as last_activity_at
from records
group by served_msisdn, usage_date
"""
Sums = Mapping[str, Any]


def rollup_sql(work: Mapping[str, Any], *, local_date: str, local_hour: str) -> str:
    """The rollup over a table `cdr`; the operator's own numbers come from the settings, not from outside."""
    numbers = ", ".join(f"'{number}'" for number in work["service_numbers"])
    return ROLLUP_SQL.format(local_date=local_date, local_hour=local_hour, service_numbers=numbers)


def sums_sql(rollup: str, bills: str) -> str:
    """One row: sums of all measures in the order of MEASURES, rows of the rollup, bills, what they ask for."""
    measures = ", ".join(f"sum({name})" for name in MEASURES)
    of_bills = f"(select count(*) from {bills}), (select sum(amount_due) from {bills})"
    return f"select {measures}, count(*), {of_bills} from {rollup}"


def sums_of(row: tuple[Any, ...]) -> dict[str, str]:
    """The row of `sums_sql` by name, as text: amounts to four decimals, all else whole."""
    names = (*MEASURES, "rollup_rows", "bills", "amount_due")
    amounts = {"charge_amount", "amount_due"}
    return {
        name: f"{value or 0:.4f}" if name in amounts else str(int(value or 0))
        for name, value in zip(names, row, strict=True)
    }


def perform(do: Callable[[Mapping[str, Any], Path], Callable[[], Sums]]) -> None:
    """Runs `do(work, out)` on the clock, and what it returns, which tells the sums, off it; prints the report."""
    work = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    out = Path(work["out"])
    out.mkdir(parents=True)
    started, cpu = time.perf_counter(), time.process_time()
    sums = do(work, out)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "sums": sums()}))
