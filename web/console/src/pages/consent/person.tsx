// What is on record about somebody: what holds by category, and every choice with what was shown.

import { useState } from "react";
import type { ChoiceShown, Choices } from "../../api/model.ts";
import { plural } from "../../format/number.ts";
import { exact } from "../../format/time.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, CopyButton } from "../../ui/button.tsx";
import { Card } from "../../ui/page.tsx";
import { Empty, Message } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { SaveReceipt } from "./receipt.tsx";
import { WordsDialog } from "./shown.tsx";
import { answerOf, languageName, layerText, regionName, wayText } from "./terms.ts";

export function OnRecord({ found, when }: { found: Choices; when: string }) {
  const standing = Object.entries(found.standing);
  return (
    <>
      <p className="visually-hidden" role="status">
        Found: {plural(found.items.length, "choice")}
      </p>
      {found.subjects.length > 1 && (
        <Message tone="wait" title="These identifiers belong to two subjects whom nothing has linked.">
          Their choices are shown together; where they differ the refusal counts, as it does for each event.
        </Message>
      )}
      <Card
        title={`On record${when}`}
        aside={found.subjects.map((subject) => (
          <code key={subject} className="small break">
            {subject}
          </code>
        ))}
      >
        {standing.length === 0 ? (
          <Empty icon="shield" title={`No choice on record${when}`}>
            <p>They are known, and have not been asked or have not answered. Their regime&rsquo;s default holds.</p>
          </Empty>
        ) : (
          <dl className="facts">
            {standing.map(([category, { granted, at }]) => (
              <div key={category} className="fact-row">
                <dt>{category}</dt>
                <dd className="row">
                  <Granted is={granted} />
                  <span className="muted small">
                    since <When at={at} />
                  </span>
                </dd>
              </div>
            ))}
          </dl>
        )}
      </Card>
      {found.items.length > 0 && (
        <Card title={plural(found.items.length, "choice")}>
          <ol className="trace">
            {found.items.map((choice) => (
              <Choice key={choice.receipt} choice={choice} />
            ))}
          </ol>
        </Card>
      )}
    </>
  );
}

export const Granted = ({ is, children }: { is: boolean; children?: React.ReactNode }) => (
  <Badge tone={is ? "good" : "hold"} icon={is ? "good" : "hold"}>
    {children ? (
      <>
        {children}
        <span className="visually-hidden">{is ? " granted" : " refused"}</span>
      </>
    ) : is ? (
      "Granted"
    ) : (
      "Refused"
    )}
  </Badge>
);

const SIDES: Record<string, string> = { good: "is-good", hold: "is-hold" };

function Choice({ choice }: { choice: ChoiceShown }) {
  const [isReading, setReading] = useState(false);
  const [answer, tone] = answerOf(choice);
  const hash = choice.presented?.textHash;
  return (
    <li className={SIDES[tone] ?? ""}>
      <div className="stack stack-s">
        <p className="row">
          <strong>{answer}</strong>
          <span className="muted small">
            <When at={choice.made_at} /> · {exact(new Date(choice.made_at))}
          </span>
        </p>
        <p className="row">
          {choice.granted.map((name) => (
            <Granted key={name} is>
              {name}
            </Granted>
          ))}
          {choice.refused.map((name) => (
            <Granted key={name} is={false}>
              {name}
            </Granted>
          ))}
        </p>
        <Circumstances choice={choice} />
        <div className="row">
          {hash && (
            <Button small icon="eye" onClick={() => setReading(true)}>
              What was shown
            </Button>
          )}
          <SaveReceipt number={choice.receipt} />
          <CopyButton text={choice.receipt} name="Copy number" />
        </div>
      </div>
      {isReading && hash && <WordsDialog hash={hash} onClose={() => setReading(false)} />}
    </li>
  );
}

function Circumstances({ choice }: { choice: ChoiceShown }) {
  const { presented } = choice;
  const facts: [string, string | undefined][] = [
    ["Came", `${wayText(choice.method)}, source ${choice.source}`],
    ["Arrived", exact(new Date(choice.received_at))],
    ["Where", presented?.layer && layerText(presented.layer)],
    [
      "Regime",
      presented?.regime && `${presented.regime}, version ${presented.regimeVersion ?? "unknown"} of the table`,
    ],
    ["Region", presented?.region && regionName(presented.region)],
    ["Language", presented?.language && languageName(presented.language)],
    ["Words", presented?.version ? `version ${presented.version}` : undefined],
    ["Refused vendors", presented?.refusedVendors?.join(", ")],
    ["Signal", presented?.gpc ? "the browser sent Global Privacy Control" : undefined],
    ["Receipt", choice.receipt],
  ];
  return (
    <details>
      <summary className="muted small">Under which circumstances</summary>
      <dl className="facts small">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name} className="fact-row">
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {!presented && <p className="muted small">Nobody said what was shown.</p>}
    </details>
  );
}
