// Receipts: to be kept as they are, byte for byte, and checked by anybody who has the log's public key.

import { useMutation, useQuery } from "@tanstack/react-query";
import { ApiError, getText } from "../../api/client.ts";
import { receipt, receiptPath } from "../../api/resources.ts";
import { exact } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { Card } from "../../ui/page.tsx";
import { saveFile } from "../../ui/save-file.ts";
import { Empty, ErrorMessage, Skeleton } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { Granted } from "./person.tsx";
import { type Notice, NoticeText } from "./shown.tsx";
import { wayText } from "./terms.ts";

const nameOf = (number: string) => `receipt-${number}.json`;
const save = (number: string, text: string) => saveFile(nameOf(number), text, "application/ld+json");

/** The command that checks a receipt, without network or server. */
export const verifyCommand = (file: string, key: string) => `assent ledger verify ${file} --key "${key}"`;

export function SaveReceipt({ number }: { number: string }) {
  const workspace = useWorkspace();
  const fetched = useMutation({
    mutationFn: () => getText(receiptPath(workspace, number)),
    onSuccess: (text) => save(number, text),
  });
  return (
    <>
      <Button small icon="download" busy={fetched.isPending} onClick={() => fetched.mutate()}>
        Receipt
      </Button>
      {fetched.error && <ErrorMessage error={fetched.error} />}
    </>
  );
}

/** The members of a receipt that are shown; the verifier reads all of them. */
interface Receipt {
  record: {
    id: string;
    choices: { purpose: string; state: "given" | "refused" }[];
    method: string;
    source: string;
    made_at: string;
    received_at: string;
    subject?: string;
  };
  notice?: Notice;
  proof: { index: number };
}

export function ReceiptByNumber({ number }: { number: string }) {
  const workspace = useWorkspace();
  const { data, error, refetch } = useQuery(receipt(workspace, number));
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Card title="Receipt">
        <Empty icon="search" title="There is no choice with this number">
          <p>Or what opens it was erased: its leaf stays in the ledger and tells nothing any more.</p>
        </Empty>
      </Card>
    );
  }
  if (error) return <ErrorMessage error={error} onRetry={() => void refetch()} />;
  if (data === undefined) {
    return (
      <Card title="Receipt">
        <Skeleton />
      </Card>
    );
  }
  return <Shown number={number} text={data} />;
}

function Shown({ number, text }: { number: string; text: string }) {
  const workspace = useWorkspace();
  const { record, notice, proof } = JSON.parse(text) as Receipt;
  const facts: [string, React.ReactNode][] = [
    ["Made", exact(new Date(record.made_at))],
    ["Arrived", exact(new Date(record.received_at))],
    ["Came", `${wayText(record.method)}, source ${record.source}`],
    ["Subject", record.subject ? <code key="s">{record.subject}</code> : "nobody: a refusal without an identifier"],
    ["Leaf", `number ${proof.index} of the ledger`],
  ];
  return (
    <Card
      title="Receipt"
      aside={
        <Button small icon="download" onClick={() => save(number, text)}>
          Download
        </Button>
      }
    >
      <div className="stack">
        <p className="row">
          {record.choices.map(({ purpose, state }) => (
            <Granted key={purpose} is={state === "given"}>
              {purpose}
            </Granted>
          ))}
        </p>
        <dl className="facts">
          {facts.map(([name, value]) => (
            <div key={name} className="fact-row">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {notice ? (
          <details>
            <summary>What was shown</summary>
            <NoticeText notice={notice} />
          </details>
        ) : (
          <p className="muted">The receipt goes without the words that were shown.</p>
        )}
        <h3>Check it without this server</h3>
        <Code
          label="Command that checks the receipt"
          text={verifyCommand(nameOf(number), `$(curl -s ${location.origin}/ledger/${workspace}/key)`)}
          wrap
        />
      </div>
    </Card>
  );
}
