// Where the ledger stands, and how somebody else checks it.

import { useQuery } from "@tanstack/react-query";
import { ApiError } from "../../api/client.ts";
import type { LedgerShown } from "../../api/model.ts";
import { ledger } from "../../api/resources.ts";
import { count } from "../../format/number.ts";
import { Button, CopyButton } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { Card } from "../../ui/page.tsx";
import { saveFile } from "../../ui/save-file.ts";
import { Empty, Loaded, Message } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { readCheckpoint } from "./checkpoint.ts";
import { useIsStopped } from "./publishing.ts";
import { verifyCommand } from "./receipt.tsx";

export function LedgerTab() {
  const query = useQuery(ledger(useWorkspace()));
  const isClosed = query.error instanceof ApiError && query.error.code === "busy";
  return (
    <>
      {isClosed && (
        <Message tone="bad" title="The ledger is not open: nothing is published.">
          <p>
            Choices are recorded all the same, and their leaves wait in the state; receipts and checkpoints do not come.
            The server&rsquo;s log says why: after a restore the log may be ahead of the state, or its anchor missing.
            It is asked again every few seconds.
          </p>
          <p>
            <a href="/docs/runbooks/restore">What to do after a restore</a>
          </p>
        </Message>
      )}
      {(!isClosed || query.data) && <Loaded query={query}>{(state) => <State state={state} />}</Loaded>}
    </>
  );
}

function State({ state }: { state: LedgerShown }) {
  const checkpoint = readCheckpoint(state.checkpoint);
  const isStopped = useIsStopped(useWorkspace(), state.size);
  return (
    <>
      {isStopped && (
        <Message tone="bad" title="Choices are recorded, and the ledger does not grow.">
          Their leaves wait in the state and are not lost; receipts of them do not come. The server&rsquo;s log says
          why: a full disk, or a state that is older than the ledger.
        </Message>
      )}
      <Published state={state} origin={checkpoint.origin} />
      {state.size === 0 && (
        <Card>
          <Empty icon="shield" title="No leaf was published yet">
            <p>
              Each choice, refusal and withdrawal, and each change of the configuration, leaves a leaf here within about
              a second.
            </p>
          </Empty>
        </Card>
      )}
      <Card
        title="Last checkpoint"
        aside={
          <Button small icon="download" onClick={() => saveFile("checkpoint", state.checkpoint, "text/plain")}>
            Keep it
          </Button>
        }
      >
        <div className="stack">
          <p className="muted">
            One hash that stands for every leaf, signed. The ledger shows changes only to those who kept a checkpoint:
            keep one regularly on a machine of another owner. A checkpoint has no time of its own: what stands above is
            that of its file. It is signed within about a second of the last choice.
          </p>
          <Code label="Checkpoint" text={state.checkpoint} wrap />
          <dl className="facts">
            <div className="fact-row">
              <dt>Public key</dt>
              <dd className="row">
                <code className="break">{state.key}</code> <CopyButton text={state.key} name="Copy key" />
              </dd>
            </div>
            <div className="fact-row">
              <dt>Root hash</dt>
              <dd>
                <code>{checkpoint.root}</code>
              </dd>
            </div>
          </dl>
        </div>
      </Card>
      <CheckIt state={state} />
    </>
  );
}

function Published({ state, origin }: { state: LedgerShown; origin: string }) {
  return (
    <div className="card">
      <dl className="stats stat">
        <div>
          <dt>Leaves published</dt>
          <dd>{count(state.size)}</dd>
        </div>
        <div>
          <dt>Last published</dt>
          <dd className="stat-text">
            <When at={state.published_at} none="not known" />
          </dd>
        </div>
        <div>
          <dt>Origin</dt>
          <dd className="stat-text break">{origin}</dd>
        </div>
      </dl>
    </div>
  );
}

function CheckIt({ state }: { state: LedgerShown }) {
  const { origin } = location;
  return (
    <Card title="Check it">
      <div className="stack">
        <p>
          A receipt is checked offline, by this program alone, with the public key that you have from somewhere else
          than the receipt:
        </p>
        <Code label="Command that checks a receipt" text={verifyCommand("receipt.json", state.key)} wrap />
        <p>
          The whole log is public as C2SP <code>tlog-tiles</code>, for monitors and for whoever wants to compare roots.
          It holds hashes, no word about anybody:
        </p>
        <ul>
          <Public href={`${state.files}checkpoint`} origin={origin} what="the checkpoint" />
          <Public href={`${state.files}key`} origin={origin} what="the public key" />
          {state.size > 0 && (
            <Public href={firstTile(state)} origin={origin} what="the first tile of hashes, 32 bytes each" />
          )}
        </ul>
      </div>
    </Card>
  );
}

const TILE_LEAVES = 256;

/** A tile that is not full is named by how many hashes it has. */
const firstTile = ({ files, size }: LedgerShown) => `${files}tile/0/000${size < TILE_LEAVES ? `.p/${size}` : ""}`;

const Public = ({ href, origin, what }: { href: string; origin: string; what: string }) => (
  <li>
    <a href={href} className="break">
      {origin}
      {href}
    </a>
    , {what}
  </li>
);
