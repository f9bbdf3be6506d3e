// The notice as visitors read it now. The server writes notices of what is saved alone, so a draft is not shown, and the
// page says so. It is built here from the notice's facts: its own page refuses to stand in a frame, as it should.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Consent, NoticeBlock, NoticeLink, PublishedNotice } from "../../api/model.ts";
import { noticePath, publishedNotice, sources } from "../../api/resources.ts";
import { SelectField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Loaded, Message, Skeleton } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { FIRST_LANGUAGE } from "./draft.ts";
import { languagesOfNotice } from "./notice-languages.tsx";
import { languageName } from "./terms.ts";

export function NoticePreview({ start, isChanged }: { start: Consent; isChanged: boolean }) {
  const query = useQuery(sources(useWorkspace()));
  return (
    <div className="banner-preview" id="preview">
      <Card title="Preview">
        <div className="stack">
          {isChanged && (
            <Message tone="wait" title="This is what is saved, not your draft.">
              The server writes a notice when it is saved.
            </Message>
          )}
          <Loaded query={query}>
            {({ items }) => {
              const key = items.find(({ enabled, write_key }) => enabled && write_key)?.write_key;
              if (!start.notice) return <NoNotice />;
              return key ? <Saved writeKey={key} start={start} /> : <NoSource />;
            }}
          </Loaded>
        </div>
      </Card>
    </div>
  );
}

const NoNotice = () => (
  <Empty icon="file" title="No notice is published">
    <p>Name who is responsible, and save.</p>
  </Empty>
);

const NoSource = () => (
  <Empty icon="sources" title="No source whose notice could be shown">
    <p>A notice stands under the write key of a source. Add one, or ask somebody who may see write keys.</p>
  </Empty>
);

function Saved({ writeKey, start }: { writeKey: string; start: Consent }) {
  const codes = start.notice ? languagesOfNotice(start.notice) : [];
  const [wanted, setLanguage] = useState<string>(FIRST_LANGUAGE);
  const language = codes.find((code) => code === wanted) ?? codes[0] ?? FIRST_LANGUAGE;
  const query = useQuery(publishedNotice(writeKey, language, start.version));
  return (
    <>
      {codes.length > 1 && (
        <SelectField
          label="Language"
          value={language}
          options={codes.map((code) => [code, languageName(code)] as const)}
          onChange={setLanguage}
        />
      )}
      <p className="small">
        <a href={noticePath(writeKey, language)} target="_blank" rel="noopener">
          The page that visitors get
        </a>
      </p>
      {query.isPending && <Skeleton lines={8} />}
      {query.isError && <ErrorMessage error={query.error} onRetry={() => query.refetch()} />}
      {query.data === null && <NoNotice />}
      {query.data && <Shown notice={query.data} />}
    </>
  );
}

function Shown({ notice }: { notice: PublishedNotice }) {
  return (
    <ScrollFrame label="The notice as it is published" className="notice-shown">
      <div lang={notice.language} dir={notice.dir} className="stack">
        <h3>{notice.title}</h3>
        {notice.intro.map((text) => (
          <p key={text}>{text}</p>
        ))}
        {notice.sections.map(({ id, title, blocks }) => (
          <section key={id} className="stack stack-s">
            <h4>{title}</h4>
            {blocks.map((block, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: blocks have no name, and none comes or goes alone.
              <Block key={at} block={block} />
            ))}
          </section>
        ))}
      </div>
    </ScrollFrame>
  );
}

function Block({ block }: { block: NoticeBlock }) {
  switch (block.kind) {
    case "text":
      return <p>{block.text}</p>;
    case "heading":
      return <h5>{block.text}</h5>;
    case "list":
      return <Items items={block.items} />;
    case "lines":
      return <p className="notice-lines">{block.lines.join("\n")}</p>;
    case "links":
      return <Links links={block.links} />;
    case "vendor":
      return (
        <>
          <h5>{block.title}</h5>
          <p>{block.text}</p>
          <Links links={block.links} />
        </>
      );
    case "table":
      return <Table block={block} />;
  }
}

const Items = ({ items }: { items: string[] }) => (
  <ul>
    {items.map((item) => (
      <li key={item}>{item}</li>
    ))}
  </ul>
);

/** Whatever else an address may be, it is none that runs something: the same rule as on the page itself. */
const isSafe = (href: string) => href.startsWith("https://") || href.startsWith("mailto:");

const Links = ({ links }: { links: NoticeLink[] }) => (
  <ul>
    {links.map(({ text, href }) => (
      <li key={`${text} ${href}`}>
        {isSafe(href) ? (
          <a href={href} target="_blank" rel="noopener noreferrer">
            {text}
          </a>
        ) : (
          text
        )}
      </li>
    ))}
  </ul>
);

const Table = ({ block: { caption, head, rows } }: { block: Extract<NoticeBlock, { kind: "table" }> }) => (
  <ScrollFrame label={caption}>
    <table>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {head.map((cell) => (
            <th key={cell} scope="col">
              {cell}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.join(" ")}>
            {row.map((cell, at) => (
              <td key={head[at]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </ScrollFrame>
);
