"""Counts the rows of the Delta tables under a directory: DuckDB reads the files that the table's log names.

Prints one JSON object: for each table that holds events, its rows and how many message ids are distinct.
"""

import json
import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

counts = {}
for log in sorted(Path(sys.argv[1]).rglob("_delta_log")):
    table = DeltaTable(str(log.parent))
    if "message_id" not in {field.name for field in table.schema().fields}:
        continue
    # The union by name: a file written before a column was added has no such column.
    files = duckdb.read_parquet(table.file_uris(), union_by_name=True)
    [(rows, ids)] = files.aggregate("count(*), count(distinct message_id)").fetchall()
    counts[log.parent.name] = {"rows": rows, "ids": ids}
print(json.dumps(counts))
