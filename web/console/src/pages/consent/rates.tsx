// How visitors answered: by regime, version of the words and language.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { RateRow, Rates } from "../../api/model.ts";
import { rates, regimes } from "../../api/resources.ts";
import { useServed } from "../../api/served.ts";
import { compact, count, percent } from "../../format/number.ts";
import { Segments } from "../../ui/button.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, Loaded, Message } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { languageName } from "./terms.ts";

const SPANS = [
  [7, "7 days"],
  [30, "30 days"],
  [90, "90 days"],
] as const;

export function RatesTab() {
  const isServed = useServed("consentRates");
  if (isServed === false) return <Message tone="note" title="This server does not count how visitors answered." />;
  return <Counted />;
}

function Counted() {
  const workspace = useWorkspace();
  const [days, setDays] = useState<number>(30);
  const query = useQuery(rates(workspace, days));
  return (
    <>
      <div className="row spread">
        <p className="muted grow rates-intro">
          Choices that were recorded, by what visitors were asked. Those who did not answer are not among them, because
          nobody is counted before a choice; nor are imports and traits, which no banner asked for.
        </p>
        <Segments label="Span" value={days} options={SPANS} onChange={setDays} />
      </div>
      <Loaded query={query}>{(data) => <Answers data={data} days={days} />}</Loaded>
    </>
  );
}

type Answer = "accepted_all" | "partial" | "rejected_all" | "withdrawn";
const ANSWERS: readonly (readonly [Answer, string, "good" | "wait" | "hold" | "plain"])[] = [
  ["accepted_all", "Accepted all", "good"],
  ["partial", "Some", "wait"],
  ["rejected_all", "Refused all", "hold"],
  ["withdrawn", "Withdrew", "plain"],
];

function Answers({ data, days }: { data: Rates; days: number }) {
  const total = data.rows.reduce((sum, { choices }) => sum + choices, 0);
  if (total === 0) {
    return (
      <Card>
        <Empty icon="shield" title={`No choice in ${days} days`}>
          <p>Answers to the banner appear here as they are recorded.</p>
        </Empty>
      </Card>
    );
  }
  const sum = (of: Answer) => data.rows.reduce((all, row) => all + row[of], 0);
  return (
    <>
      <div className="card">
        <dl className="stats stat">
          <div>
            <dt>Choices</dt>
            <dd>
              {compact(total)}
              <span className="sub">
                since <When at={data.since} />
              </span>
            </dd>
          </div>
          {ANSWERS.map(([of, text]) => (
            <div key={of}>
              <dt>{text}</dt>
              <dd>
                {percent(sum(of), total)}
                <span className="sub">{count(sum(of))}</span>
              </dd>
            </div>
          ))}
        </dl>
      </div>
      <Table rows={data.rows} />
    </>
  );
}

function Table({ rows }: { rows: RateRow[] }) {
  const titles = new Map(useQuery(regimes).data?.items.map(({ id, title }) => [id, title]));
  const categories = [...new Set(rows.flatMap((row) => row.by_category.map(({ category }) => category)))];
  return (
    <Card flush title="By regime, words and language">
      <ScrollFrame label="Answers by regime, words and language">
        <table className="table">
          <thead>
            <tr>
              <th>Asked under</th>
              <th className="number">Choices</th>
              <th>Answers</th>
              {ANSWERS.map(([of, text]) => (
                <th key={of} className="number">
                  {text}
                </th>
              ))}
              {categories.map((category) => (
                <th key={category} className="number nowrap">
                  {category}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.regime} ${row.banner_version} ${row.language}`}>
                <td className="asked-cell">
                  <strong>{row.regime ? (titles.get(row.regime) ?? row.regime) : "Nobody said under what"}</strong>
                  <span className="small muted">{wordsOf(row)}</span>
                </td>
                <td className="number nowrap">{count(row.choices)}</td>
                <td className="meter-cell">
                  <Meter parts={ANSWERS.map(([of, , fill]) => [row[of], fill] as const)} of={row.choices} />
                </td>
                {ANSWERS.map(([of]) => (
                  <td key={of} className="number nowrap">
                    {percent(row[of], row.choices)}
                  </td>
                ))}
                {categories.map((category) => (
                  <td key={category} className="number nowrap">
                    <Share row={row} category={category} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollFrame>
    </Card>
  );
}

function wordsOf({ banner_version, language }: RateRow): string {
  const version = banner_version === null ? "no version said" : `version ${banner_version}`;
  return language === null ? version : `${languageName(language)}, ${version}`;
}

function Share({ row, category }: { row: RateRow; category: string }) {
  const found = row.by_category.find((one) => one.category === category);
  return found ? percent(found.granted, row.choices) : "–";
}
