// The editor: sections of one draft, each with an address, and beside them the banner as a visitor would see it.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../../api/client.ts";
import type { Consent } from "../../api/model.ts";
import { consent } from "../../api/resources.ts";
import { paths } from "../../paths.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { DeclaredNote } from "../../ui/declared.tsx";
import { Card } from "../../ui/page.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { begin, FIRST_LANGUAGE, languagesOf, versionOf } from "./draft.ts";
import { MoreSection } from "./more-section.tsx";
import { NoticePreview } from "./notice-preview.tsx";
import { NoticeSection } from "./notice-section.tsx";
import { Preview, usePreview, type Visitor } from "./preview.tsx";
import { placeOf, SECTIONS, type Section, sectionOf, siteOf } from "./refusals.ts";
import { goTo, RefusedWith } from "./refused.tsx";
import { RulesSection } from "./rules-section.tsx";
import { SaveBar, useSave } from "./save.tsx";
import type { SectionProps } from "./section.ts";
import { TagsSection } from "./tags-section.tsx";
import { VendorsSection } from "./vendors-section.tsx";
import { WordsSection } from "./words-section.tsx";
import { useDesk } from "./work.tsx";

export const TITLES: Record<Section, string> = {
  words: "Words",
  rules: "Rules and categories",
  vendors: "Vendors",
  tags: "Tags",
  notice: "Cookie notice",
  more: "Version and browser",
};

export function BannerTab({ section }: { section: string | undefined }) {
  const query = useQuery(consent(useWorkspace()));
  const current = SECTIONS.find((known) => known === section) ?? "words";
  return <Loaded query={query}>{(saved) => <Editor saved={saved} section={current} />}</Loaded>;
}

const FIRST_VISITOR: Visitor = { region: "DE", language: FIRST_LANGUAGE, gpc: false };

function Editor({ saved, section }: { saved: Consent; section: Section }) {
  const workspace = useWorkspace();
  const desk = useDesk(workspace, saved);
  const { start, draft } = desk.work;
  const [visitor, setVisitor] = useState<Visitor>(() => ({
    ...FIRST_VISITOR,
    language: Object.keys(languagesOf(draft.banner))[0] ?? FIRST_LANGUAGE,
  }));
  const [discards, setDiscards] = useState(0);
  const notAllowed = useBlocked("admin");
  const blocked = declaredReason(saved.declared_by) ?? notAllowed;
  const preview = usePreview(draft, desk.isChanged, visitor);
  const save = useSave(desk);
  const refusal = refusalOf(save.error) ?? refusalOf(preview.error);
  const onChange = (next: typeof draft) => {
    if (save.error) save.reset();
    desk.set({ start, draft: next });
  };
  const discard = () => {
    desk.set(begin(saved));
    // Fields that keep what was typed begin anew as well.
    setDiscards(discards + 1);
  };
  const props = { draft, onChange };
  const OtherSection = OTHERS[section];
  return (
    <RefusedWith message={refusal === null || siteOf(refusal) ? null : refusal}>
      <DeclaredNote by={saved.declared_by} />
      {!saved.declared_by && notAllowed && <Message tone="note" title={notAllowed} />}
      <div className="banner-editor">
        <Card title={TITLES[section]} aside={<Where isChanged={desk.isChanged} version={versionOf(start.banner)} />}>
          <form
            className="form"
            onSubmit={(event) => {
              event.preventDefault();
              save.ask();
            }}
          >
            <SectionLinks current={section} refusal={refusal} />
            <fieldset disabled={blocked !== null} className="stack" key={`${start.version} ${discards} ${section}`}>
              {section === "words" ? (
                <WordsSection
                  {...props}
                  language={visitor.language}
                  onLanguage={(language) => setVisitor({ ...visitor, language })}
                />
              ) : (
                <OtherSection {...props} />
              )}
            </fieldset>
            <Refusal message={refusal} section={section} />
            <SaveBar desk={desk} save={save} blocked={blocked} onDiscard={discard} />
          </form>
        </Card>
        {section === "notice" ? (
          <NoticePreview start={start} draft={draft} isChanged={desk.isChanged} />
        ) : (
          <Preview preview={preview} visitor={visitor} onVisitor={setVisitor} draft={draft} />
        )}
      </div>
    </RefusedWith>
  );
}

/** How far the draft is from what is saved. */
const Where = ({ isChanged, version }: { isChanged: boolean; version: number }) => (
  <>
    {isChanged && (
      <Badge tone="wait" icon="wait">
        Not saved
      </Badge>
    )}
    <a className="small preview-link" href="#preview">
      To the preview
    </a>
    <span className="muted small">Words version {version}</span>
  </>
);

/** The words are apart: the preview follows the language that is written. */
const OTHERS: Record<Section, (props: SectionProps) => React.ReactNode> = {
  words: () => null,
  rules: RulesSection,
  vendors: VendorsSection,
  tags: TagsSection,
  notice: NoticeSection,
  more: MoreSection,
};

/** The sentence of a refusal by the linter, not other errors. */
export function refusalOf(error: unknown): string | null {
  const isRefusal = error instanceof ApiError && error.code === "invalid_workspace";
  return isRefusal ? error.message : null;
}

function SectionLinks({ current, refusal }: { current: Section; refusal: string | null }) {
  const workspace = useWorkspace();
  const place = refusal === null || siteOf(refusal) ? null : placeOf(refusal);
  const wrong = place && sectionOf(place);
  return (
    <nav className="segments" aria-label="Sections">
      {SECTIONS.map((section) => (
        <Link
          key={section}
          href={paths.consent(workspace, "banner", section)}
          className="segment"
          aria-current={section === current ? "page" : undefined}
        >
          {TITLES[section]}
          {section === wrong && <span className="wrong"> · refused</span>}
        </Link>
      ))}
    </nav>
  );
}

/** Said once more where one saves, with the way to the field. */
function Refusal({ message, section }: { message: string | null; section: Section }) {
  const workspace = useWorkspace();
  const [, go] = useLocation();
  if (message === null) return null;
  const site = siteOf(message);
  const place = site === null ? placeOf(message) : null;
  const show = () => {
    if (!place) return;
    if (sectionOf(place) !== section) go(paths.consent(workspace, "banner", sectionOf(place)));
    window.setTimeout(() => goTo(place), 0);
  };
  return (
    <Message tone="bad" title="As it is written it cannot be published.">
      <p>
        <Prose text={message} />
      </p>
      {place && (
        <p>
          <Button small onClick={show}>
            Show the field
          </Button>
        </p>
      )}
      {site !== null && (
        <p>
          <ButtonLink small to={paths.source(workspace, site)}>
            {`To the banner of ${site}`}
          </ButtonLink>
        </p>
      )}
    </Message>
  );
}
