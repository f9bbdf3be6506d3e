"""Segment's Python SDK as an application uses it: HOST and WRITE_KEY from the command line, gzip on or off."""

import sys
from datetime import datetime, timezone

from segment.analytics.client import Client

host, write_key, gzip = sys.argv[1], sys.argv[2], sys.argv[3] == "gzip"
errors = []
client = Client(write_key, host=host, gzip=gzip, on_error=lambda error, items: errors.append(error))
client.identify("user-1", {"plan": "free"})
client.track("user-1", "Order Completed", {"revenue": 12.5})
client.track("user-1", "Imported", timestamp=datetime(2025, 3, 1, 12, tzinfo=timezone.utc))
client.page("user-1", name="Start")
client.screen("user-1", name="Basket")
client.group("user-1", "group-1", {"size": 3})
client.alias("anonymous-1", "user-1")
client.shutdown()
if errors:
    sys.exit(f"the SDK reported {errors}")
