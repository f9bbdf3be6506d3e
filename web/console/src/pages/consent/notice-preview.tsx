// The notice of the draft, as visitors would read it once it is saved. It is built here from the notice's facts: its own
// page refuses to stand in a frame, as it should.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import type { Consent, NoticeBlock, NoticeLink, PublishedNotice, Source } from "../../api/model.ts";
import { draftNotice, noticePath, sources } from "../../api/resources.ts";
import { SelectField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Loaded, Message, Skeleton } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { type Draft, FIRST_LANGUAGE } from "./draft.ts";
import { languagesOfNotice } from "./notice-languages.tsx";
import { useRested } from "./preview.tsx";
import { languageName } from "./terms.ts";

interface Props {
  start: Consent;
  draft: Draft;
  isChanged: boolean;
}

export function NoticePreview(props: Props) {
  const query = useQuery(sources(useWorkspace()));
  return (
    <div className="banner-preview" id="preview">
      <Card title="Preview">
        <div className="stack">
          <Loaded query={query}>
            {({ items }) => {
              const source = items.find(({ enabled }) => enabled);
              return source ? <OfDraft source={source} {...props} /> : <NoSource />;
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
    <p>A notice is that of a source. Add one.</p>
  </Empty>
);

function OfDraft({ source, start, draft, isChanged }: Props & { source: Source }) {
  const workspace = useWorkspace();
  const consent = useRested(draft);
  const { notice } = consent;
  const codes = notice ? languagesOfNotice(notice) : [];
  const [wanted, setLanguage] = useState<string>(FIRST_LANGUAGE);
  const language = codes.find((code) => code === wanted) ?? codes[0] ?? FIRST_LANGUAGE;
  const query = useQuery({
    ...draftNotice(workspace, { consent, source: source.name, language }),
    enabled: notice !== null,
    placeholderData: keepPreviousData,
  });
  // A draft that is refused leaves the last that could be shown.
  const last = useRef(query.data);
  if (query.data) last.current = query.data;
  if (!notice) return <NoNotice />;
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
      {start.notice && source.write_key && (
        <p className="small">
          <a href={noticePath(source.write_key, language)} target="_blank" rel="noopener">
            The page that visitors get
          </a>
        </p>
      )}
      {query.isPending && !last.current && <Skeleton lines={8} />}
      {query.isError && !last.current && <ErrorMessage error={query.error} onRetry={() => query.refetch()} />}
      {query.isError && last.current && (
        <Message tone="wait" title="Your last change is refused; this is how it was before it." />
      )}
      {last.current && <Shown notice={last.current} isDraft={isChanged} />}
    </>
  );
}

function Shown({ notice, isDraft }: { notice: PublishedNotice; isDraft: boolean }) {
  return (
    <ScrollFrame
      label={isDraft ? "The notice of your draft" : "The notice as it is published"}
      className="notice-shown"
    >
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
