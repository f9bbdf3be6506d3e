// The event tester: one synthetic event to this destination, past the queue; what it answers is shown as it came.

import type { Destination } from "../../api/model.ts";
import { useBlocked } from "../../session.tsx";
import { Card } from "../../ui/page.tsx";
import { Message } from "../../ui/states.tsx";
import { TestButton, TestResult, useConnectionTest } from "./test-connection.tsx";

export function Tester({ of }: { of: Destination }) {
  const test = useConnectionTest();
  const blocked = useBlocked("admin");
  return (
    <Card title="Event tester">
      <div className="stack form">
        <p>
          Sends one synthetic <code>track</code> event with the saved settings, marked as a test. It belongs to no
          person, so no consent is asked for; it is not counted and not kept.
        </p>
        <Message tone="note">
          A test shows that the connection works. Why a real event did or did not arrive is in its trace: open it from
          Live.
        </Message>
        <div>
          <TestButton
            test={test}
            tested={() => ({ kind: of.kind, settings: of.settings, name: of.name })}
            blocked={blocked}
          />
        </div>
        <TestResult test={test} />
      </div>
    </Card>
  );
}
