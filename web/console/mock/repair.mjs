// What went wrong in the mock's world: errors by what was answered, dead letters, and what was sent again.

import { ago, MINUTE } from "./ago.mjs";

export const deadLetters = () =>
  Array.from({ length: 57 }, (_, at) => ({
    id: `dl-${at}`,
    at: ago((at + 1) * 7 * MINUTE),
    message_id: `msg-${String(4_000 + at)}-order-completed`,
    reason: at % 5 === 0 ? "refused" : "retries_exhausted",
    status: at % 5 === 0 ? 404 : 503,
    text: at % 5 === 0 ? "no such list" : "upstream connect error",
    attempts: at % 5 === 0 ? 1 : 14,
    result: at % 5 === 0 ? "rejected" : "dead_lettered",
    events: 1,
  })).concat({
    id: null,
    at: ago(2 * 86_400_000),
    message_id: null,
    reason: "backlog_over_budget",
    status: 0,
    text: "",
    attempts: 0,
    result: "dead_lettered",
    events: 1_240,
  });

export const retryOf = () => ({
  id: "r1",
  at: ago(9 * MINUTE),
  by: "admin",
  state: "done",
  taken: 1_200,
  delivered: 1_150,
  withheld: 38,
  failed: 12,
  gone: 4,
});

export const errorsOf = (isFull) =>
  isFull
    ? [
        {
          result: "waiting",
          reason: "receiver_failed",
          status: 503,
          text: "upstream connect error or disconnect/reset before headers",
          count: 4_212,
          first_at: ago(40 * MINUTE),
          last_at: ago(12_000),
          sample_message_ids: ["msg-4001-order-completed", "msg-4002-order-completed"],
        },
        {
          result: "rejected",
          reason: "refused",
          status: 404,
          text: "no such list",
          count: 12,
          first_at: ago(300 * MINUTE),
          last_at: ago(35 * MINUTE),
          sample_message_ids: ["msg-4000-order-completed"],
        },
      ]
    : [];
