// Sends one synthetic event, marked as a test, with settings that need not be saved; shows what was answered.

import { useMutation } from "@tanstack/react-query";
import { post } from "../../api/client.ts";
import type { ConnectionTest } from "../../api/model.ts";
import { workspacePath } from "../../api/resources.ts";
import { duration } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { ErrorMessage, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";

interface Tested {
  kind: string;
  settings: Record<string, unknown>;
  /** The saved destination whose secrets are kept. */
  name?: string;
}

export function useConnectionTest() {
  const workspace = useWorkspace();
  return useMutation({
    mutationFn: (tested: Tested) => post<ConnectionTest>(workspacePath(workspace, "/destinations/test"), tested),
  });
}

export function TestButton(props: {
  test: ReturnType<typeof useConnectionTest>;
  tested: () => Tested | null;
  blocked?: string | null;
}) {
  return (
    <Button
      icon="send"
      busy={props.test.isPending}
      blocked={props.blocked}
      onClick={() => {
        const tested = props.tested();
        if (tested) props.test.mutate(tested);
      }}
    >
      Test connection
    </Button>
  );
}

export function TestResult({ test }: { test: ReturnType<typeof useConnectionTest> }) {
  if (test.isPending) return <p role="status">Sending a test event…</p>;
  if (test.error) return <ErrorMessage error={test.error} />;
  if (!test.data) return null;
  const { ok, status, answer, took_ms } = test.data;
  return (
    <div role="status">
      <Message
        tone={ok ? "good" : "bad"}
        title={ok ? "The test event was accepted." : "The test event was not accepted."}
      >
        <p>
          {status ? `HTTP ${status}` : "No answer"} after {duration(took_ms)}.
        </p>
        {answer && <Code text={answer} label="Answer" wrap />}
      </Message>
    </div>
  );
}
