// The words that a choice was made under, found by their hash.

import { useQuery } from "@tanstack/react-query";
import { words } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { languageName } from "./terms.ts";

/** As `consent::Experience` writes them before it hashes them. */
export interface Notice {
  language: string;
  words: Record<string, string>;
  categories: Record<string, { name: string; description: string }>;
  vendors: { id: string; name: string; category: string; policy?: string }[];
}

export function WordsDialog({ hash, onClose }: { hash: string; onClose: () => void }) {
  const query = useQuery(words(useWorkspace(), hash));
  return (
    <Dialog open onClose={onClose} title="What was shown" wide>
      <Loaded query={query}>
        {(kept) => (
          <div className="stack">
            <p className="muted">
              {languageName(kept.language)}, version {kept.version}, shown since <When at={kept.since} />.
            </p>
            <NoticeText notice={JSON.parse(kept.words) as Notice} />
            <dl className="facts small">
              <dt>SHA-256</dt>
              <dd>
                <code>{kept.hash}</code>
              </dd>
            </dl>
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}

const BUTTONS = ["accept", "reject", "choose", "save"];
const FIRST = ["title", "body", ...BUTTONS];

/** Words as text. Colours and places are not on record, so no banner is imitated here. */
export function NoticeText({ notice }: { notice: Notice }) {
  const { words: said, categories, vendors, language } = notice;
  const others = Object.entries(said).filter(([place]) => !FIRST.includes(place) && place !== "dir");
  return (
    <div className="stack" lang={language} dir="auto">
      <div className="message message-note">
        <div className="stack stack-s grow">
          <strong>{said.title}</strong>
          <p>{said.body}</p>
          <p className="row">
            {BUTTONS.filter((place) => said[place]).map((place) => (
              <span key={place} className="badge">
                <span>{said[place]}</span>
              </span>
            ))}
          </p>
        </div>
      </div>
      <dl className="facts">
        {Object.entries(categories).map(([id, { name, description }]) => (
          <div key={id} className="fact-row">
            <dt>{name}</dt>
            <dd>
              {description}
              <Vendors all={vendors.filter(({ category }) => category === id)} />
            </dd>
          </div>
        ))}
      </dl>
      <details lang="en" dir="ltr">
        <summary className="muted">Other words</summary>
        <dl className="facts small">
          {others.map(([place, text]) => (
            <div key={place} className="fact-row">
              <dt>{sentence(place)}</dt>
              <dd lang={language} dir="auto">
                {text}
              </dd>
            </div>
          ))}
        </dl>
      </details>
      {vendors.length === 0 && (
        <Message tone="note">
          <span lang="en">No vendors were named.</span>
        </Message>
      )}
    </div>
  );
}

const Vendors = ({ all }: { all: Notice["vendors"] }) =>
  all.length > 0 && (
    <ul className="small">
      {all.map(({ id, name }) => (
        <li key={id}>{name}</li>
      ))}
    </ul>
  );
