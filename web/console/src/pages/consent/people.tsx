// What one person chose, now and as it was at any moment: found by an identifier of their events, or by the number of a
// receipt. What is typed stays out of the address, which browsers remember and pass on; and nothing is looked up before
// the button is pressed, because the server writes down who looked whom up.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError } from "../../api/client.ts";
import { choices, type WhoseChoices } from "../../api/resources.ts";
import { exact, fromLocalInput } from "../../format/time.ts";
import { useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { Empty, ErrorMessage, Message, Skeleton } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { OnRecord } from "./person.tsx";
import { ReceiptByNumber } from "./receipt.tsx";

const BY = [
  ["user_id", "User id"],
  ["anonymous_id", "Anonymous id"],
  ["receipt", "Receipt number"],
] as const;
type By = (typeof BY)[number][0];

/** What was asked, with a number so that pressing the button again asks again. */
interface Asked {
  by: By;
  text: string;
  asOf: string | undefined;
  turn: number;
}

export function PeopleTab() {
  const blocked = useBlocked("admin");
  if (blocked) {
    return (
      <Message tone="note" title={blocked}>
        Choices say what a person decided: they are shown to those who answer for them.
      </Message>
    );
  }
  return <LookUp />;
}

function LookUp() {
  const [by, setBy] = useState<By>("user_id");
  const [text, setText] = useState("");
  const [at, setAt] = useState("");
  const [asked, setAsked] = useState<Asked | null>(null);
  const missing = text.trim() === "" ? "Say whom or what to look up." : null;
  return (
    <>
      <Card title="Look up">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            if (missing) return;
            const asOf = by === "receipt" ? undefined : fromLocalInput(at);
            setAsked({ by, text: text.trim(), asOf, turn: (asked?.turn ?? 0) + 1 });
          }}
        >
          <div className="grid-2">
            <SelectField label="By" value={by} options={BY} onChange={setBy} />
            <TextField label={BY.find(([key]) => key === by)?.[1] ?? ""} value={text} onChange={setText} />
          </div>
          {by !== "receipt" && (
            <TextField
              label="As it was at"
              hint="Your local time. What arrived later is left out. Empty: today."
              type="datetime-local"
              value={at}
              onChange={setAt}
            />
          )}
          <div className="row row-3">
            <Button type="submit" look="primary" icon="search" blocked={missing}>
              Look up
            </Button>
            {by !== "receipt" && (
              <span className="hint grow">Each look-up that finds somebody is written to the audit log.</span>
            )}
          </div>
        </form>
      </Card>
      {asked?.by === "receipt" && <ReceiptByNumber key={asked.turn} number={asked.text} />}
      {asked && asked.by !== "receipt" && <Found key={asked.turn} asked={asked} by={asked.by} />}
    </>
  );
}

function Found({ asked, by }: { asked: Asked; by: Exclude<By, "receipt"> }) {
  const workspace = useWorkspace();
  const whose: WhoseChoices = { [by]: asked.text, ...(asked.asOf && { as_of: asked.asOf }) };
  const { data, error, refetch } = useQuery(choices(workspace, whose));
  const when = asked.asOf ? ` by ${exact(new Date(asked.asOf))}` : "";
  if (error instanceof ApiError && error.status === 403) return <Message tone="note" title={error.message} />;
  if (error) return <ErrorMessage error={error} onRetry={() => void refetch()} />;
  if (!data) {
    return (
      <Card title="On record">
        <Skeleton />
      </Card>
    );
  }
  if (data.subjects.length === 0) {
    return (
      <Card title="On record">
        <Empty icon="search" title="Nobody is known by this identifier">
          <p>
            Nothing was collected under it and no choice names it. A refusal by somebody unknown is kept under a random
            number and cannot be found by an identifier: ask for the number of their receipt.
          </p>
        </Empty>
      </Card>
    );
  }
  return <OnRecord found={data} when={when} />;
}
