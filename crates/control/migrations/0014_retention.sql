-- Records of choices go by their age (`consent.record_days`).
create index choice_history_by_arrival on choice_history (workspace, received_at);
