// Lake: ask in SQL what was kept; see it as a table or a chart, take it along as CSV, keep the question.

import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { post } from "../../api/client.ts";
import type { QueryResult, QueryUse } from "../../api/model.ts";
import { lakeSchema, workspacePath } from "../../api/resources.ts";
import { useServes } from "../../api/served.ts";
import { useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { InlineSelect, type Option } from "../../ui/field.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ErrorMessage } from "../../ui/states.tsx";
import { useNow } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { SqlEditor } from "./editor.tsx";
import { Result } from "./result.tsx";
import { SavedQueries, SaveQuery } from "./saved.tsx";
import { SchemaTree } from "./schema-tree.tsx";
import { UseOfRows, useChosenUse } from "./use.tsx";

const FIRST_SQL = `select date_trunc('minute', received_at) as minute, count(*) as events
from events
group by 1
order by 1 desc
limit 60`;

const LIMITS: readonly Option<string>[] = [
  ["100", "100 rows"],
  ["1000", "1,000 rows"],
  ["10000", "10,000 rows"],
];

/** What was asked, with the use that it was asked for: the control may say another by the time of the answer. */
interface Question {
  text: string;
  declared: QueryUse | null;
}

export function Lake() {
  const workspace = useWorkspace();
  const [sql, setSql] = useState(FIRST_SQL);
  const [limit, setLimit] = useState("1000");
  const insert = useRef<(text: string) => void>(() => undefined);
  const canSave = useServes("savedQueries");
  const schema = useQuery(lakeSchema(workspace));
  const notAllowed = useBlocked("analyst");
  const use = useChosenUse();
  const blocked = notAllowed ?? use.blocked;
  const run = useMutation({
    mutationFn: ({ text, declared }: Question) => {
      const body = { sql: text, rows_max: Number(limit), ...(declared && { use: declared }) };
      return post<QueryResult>(workspacePath(workspace, "/lake/query"), body);
    },
  });
  const start = () => {
    if (!run.isPending && !blocked && sql.trim() !== "") run.mutate({ text: sql, declared: use.value });
  };
  return (
    <>
      <PageHead
        title="Lake"
        about="Everything that may be kept, as tables. Identifiers are shown to those who may see them."
      />
      <div className="lake">
        <div className="stack">
          <SqlEditor value={sql} onChange={setSql} onRun={start} insert={insert} />
          {notAllowed === null && <UseOfRows {...use} />}
          <div className="row spread">
            <div className="row">
              <Button look="primary" icon="play" busy={run.isPending} blocked={blocked} onClick={start}>
                Run
              </Button>
              <InlineSelect label="Rows at most" value={limit} options={LIMITS} onChange={setLimit} />
              <span className="muted small">Ctrl + Enter runs</span>
            </div>
            {canSave && <SaveQuery sql={sql} blocked={notAllowed} />}
          </div>
          {run.isPending && <Running since={run.submittedAt} />}
          {run.error && <ErrorMessage error={run.error} />}
          {run.data && !run.isPending && <Result result={run.data} use={run.variables.declared} />}
        </div>
        <div className="stack">
          <Card title="Schema">
            <SchemaTree query={schema} onPick={(text) => insert.current(text)} />
          </Card>
          {canSave && (
            <Card title="Saved queries">
              <SavedQueries onOpen={setSql} />
            </Card>
          )}
        </div>
      </div>
    </>
  );
}

function Running({ since }: { since: number }) {
  const seconds = Math.max(0, Math.floor((useNow() - since) / 1_000));
  return (
    <p className="row muted" role="status">
      <span className="spinner" aria-hidden="true" /> Running{seconds > 0 && `, ${seconds} s so far`}
    </p>
  );
}
