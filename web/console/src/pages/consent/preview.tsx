// The banner as a visitor of some region and language would see it: the browser SDK itself, in a sandboxed frame, fed by
// what the server answers for the draft. Nothing that is chosen in it is recorded.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useRef, useState } from "react";
import type { Experience } from "../../api/model.ts";
import { draftExperience, experience } from "../../api/resources.ts";
import { useServed } from "../../api/served.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, Segments } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Check, SelectField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorMessage, Message, Skeleton } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { type Draft, languagesOf } from "./draft.ts";
import { Frame, type FrameState } from "./frame.tsx";
import { languageName, regionName } from "./terms.ts";

export interface Visitor {
  region: string;
  language: string;
  /** Whether their browser sends Global Privacy Control. */
  gpc: boolean;
}

export interface PreviewState {
  /** The last that could be shown: a draft that is refused leaves it. */
  shown: Experience | undefined;
  error: unknown;
  /** What is shown is what is saved, because the server answers for nothing else. */
  isSavedOnly: boolean;
}

const TYPING_MS = 400;

/** Follows a value when it has rested. */
export function useRested<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setRested(value), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [value]);
  return rested;
}

export function usePreview(draft: Draft, isChanged: boolean, visitor: Visitor): PreviewState {
  const workspace = useWorkspace();
  const rested = useRested(draft);
  const { region, language } = useDeferredValue(visitor);
  const takesDrafts = useServed("consentPreview");
  const ofDraft = useQuery({
    ...draftExperience(workspace, { consent: rested, region, language }),
    enabled: takesDrafts === true,
    placeholderData: keepPreviousData,
  });
  const ofSaved = useQuery({ ...experience(workspace, { region, language }), enabled: takesDrafts === false });
  const query = takesDrafts === false ? ofSaved : ofDraft;
  const last = useRef(query.data);
  if (query.data) last.current = query.data;
  return { shown: last.current, error: query.error, isSavedOnly: takesDrafts === false && isChanged };
}

const REGIONS = ["DE", "FR", "CH", "GB", "US-CA", "US-NY", "CA", "BR", "JP"];
const UNKNOWN = ["", "Not known"] as const;

interface Props {
  preview: PreviewState;
  visitor: Visitor;
  onVisitor: (visitor: Visitor) => void;
  draft: Draft;
}

export function Preview({ preview, visitor, onVisitor, draft }: Props) {
  const [size, setSize] = useState<Size>("phone");
  const [isLarge, setLarge] = useState(false);
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<FrameState | null>(null);
  const regions = [...new Set([...REGIONS, ...Object.keys(draft.regions)])].map(
    (code) => [code, regionName(code)] as const,
  );
  const languages = Object.keys(languagesOf(draft.banner)).map((code) => [code, languageName(code)] as const);
  const { shown: data } = preview;
  return (
    <div className="banner-preview" id="preview">
      <Card title="Preview">
        <div className="stack">
          <div className="preview-visitor">
            <SelectField
              label="Where the visitor is"
              value={visitor.region}
              options={[UNKNOWN, ...regions]}
              onChange={(region) => onVisitor({ ...visitor, region })}
            />
            <SelectField
              label="Their language"
              value={visitor.language}
              options={languages}
              onChange={(language) => onVisitor({ ...visitor, language })}
            />
          </div>
          <Check
            label="Their browser sends Global Privacy Control"
            checked={visitor.gpc}
            onChange={(gpc) => onVisitor({ ...visitor, gpc })}
          />
          <Remarks preview={preview} />
          {data === undefined && preview.error === null && <Skeleton lines={6} />}
          {data && (
            <>
              <div className="row spread">
                <Segments label="Width" value={size} options={SIZES} onChange={setSize} />
                <span className="row">
                  <Button small icon="retry" onClick={() => setTurn(turn + 1)}>
                    Start over
                  </Button>
                  <Button small icon="eye" onClick={() => setLarge(true)}>
                    Larger
                  </Button>
                </span>
              </div>
              <Frame key={turn} experience={data} gpc={visitor.gpc} size={size} onState={setState} />
              <Facts experience={data} state={state} />
            </>
          )}
        </div>
      </Card>
      {isLarge && data && (
        <Larger onClose={() => setLarge(false)}>
          <Segments label="Width" value={size} options={SIZES} onChange={setSize} />
          <Frame experience={data} gpc={visitor.gpc} size={size} onState={setState} />
        </Larger>
      )}
    </div>
  );
}

/** What is shown is not what is written, and why. */
function Remarks({ preview: { shown, error, isSavedOnly } }: { preview: PreviewState }) {
  return (
    <>
      {isSavedOnly && (
        <Message tone="wait" title="This is what is saved, not your draft.">
          This server does not preview drafts.
        </Message>
      )}
      {error !== null && shown === undefined && <ErrorMessage error={error} />}
      {error !== null && shown !== undefined && (
        <Message tone="wait" title="Your last change is refused; this is how it was before it." />
      )}
    </>
  );
}

const Larger = ({ onClose, children }: { onClose: () => void; children: React.ReactNode }) => (
  <Dialog open onClose={onClose} title="Preview" wide>
    {children}
  </Dialog>
);

export type Size = "phone" | "desktop";
const SIZES = [
  ["phone", "Phone"],
  ["desktop", "Desktop"],
] as const;

const BEFORE: Record<string, string> = {
  block: "nothing is stored or sent",
  buffer: "calls wait in memory",
  cookieless: "calls are sent without a cookie",
  "always-load": "a risk: calls are sent although nobody was asked",
};

function Facts({ experience, state }: { experience: Experience; state: FrameState | null }) {
  const { regime, before, texts, tags = [] } = experience;
  const granted = Object.entries(state?.preferences ?? {});
  return (
    <div className="stack stack-s small">
      <p className="row" role="status">
        <span className="muted">{state?.isChosen ? "After the choice:" : "Before a choice:"}</span>
        {granted.map(([name, is]) => (
          <Badge key={name} tone={is ? "good" : "hold"} icon={is ? "good" : "hold"}>
            {name}
            <span className="visually-hidden">{is ? " granted" : " refused"}</span>
          </Badge>
        ))}
      </p>
      <p className="muted">
        Regime <code>{regime.id}</code>: {regime.first === "ask" ? "asked first" : "not asked, on until refused"}, and
        before a choice {BEFORE[before] ?? before}. A choice holds {regime.lifetimeDays} days. Words version{" "}
        {texts.version}, {languageName(texts.language)}.
      </p>
      <p className="muted">
        The script that pages get, without your page&rsquo;s styles. No choice is recorded
        {tags.length > 0 && `, and ${tags.length === 1 ? "the tag is" : `the ${tags.length} tags are`} not loaded`}.
      </p>
    </div>
  );
}
