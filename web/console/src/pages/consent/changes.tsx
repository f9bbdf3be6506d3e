// What is different between two versions, each change as what stood there and what stands there now.

import { Badge } from "../../ui/badge.tsx";
import type { Told, ToldGroup } from "./told.ts";

export function Changes({ groups }: { groups: ToldGroup[] }) {
  return groups.map(({ title, changes }) => (
    <section key={title} className="stack stack-s">
      <h3 className="row">
        {title} {isThing(title) && <Fate changes={changes} />}
      </h3>
      <dl className="changes">
        {changes.map((change) => (
          <Change key={change.what} change={change} />
        ))}
      </dl>
    </section>
  ));
}

/** A language, vendor, tag or category, and not a group of rules. */
const isThing = (title: string): boolean => title.includes(": ");

/** The whole of it came or went. */
function Fate({ changes }: { changes: Told[] }) {
  if (changes.every(({ before }) => before === "")) return <Badge tone="good">new</Badge>;
  if (changes.every(({ after }) => after === "")) return <Badge tone="bad">gone</Badge>;
  return null;
}

const Change = ({ change: { what, before, after } }: { change: Told }) => (
  <div className="change">
    <dt>{what}</dt>
    <dd>
      {before !== "" && (
        <del dir="auto">
          <span className="visually-hidden">was: </span>
          {before}
        </del>
      )}
      {after !== "" && (
        <ins dir="auto">
          <span className="visually-hidden">is: </span>
          {after}
        </ins>
      )}
    </dd>
  </div>
);
