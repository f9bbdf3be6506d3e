// The banner of one site: what it says otherwise than the workspace's, and beside it what its visitors would see.

import { useQuery } from "@tanstack/react-query";
import { type ComponentProps, useState } from "react";
import type { Consent, SiteBanner, Source } from "../../api/model.ts";
import { consent } from "../../api/resources.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button, Segments } from "../../ui/button.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { Card } from "../../ui/page.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { refusalOf } from "../consent/banner.tsx";
import { FIRST_LANGUAGE, languagesOf } from "../consent/draft.ts";
import { Preview, usePreview, type Visitor } from "../consent/preview.tsx";
import { placeOf, siteOf } from "../consent/refusals.ts";
import { goTo, RefusedWith } from "../consent/refused.tsx";
import { FIELDS } from "./banner-fields.tsx";
import { PublishBanner, RemoveBanner } from "./banner-steps.tsx";
import { usePart } from "./part.ts";
import { asOnSite, type Tab, tabOf } from "./site.ts";

const TITLE = "Banner of this site";
const TITLES: readonly (readonly [Tab, string])[] = [
  ["words", "Words"],
  ["before", "Before a choice"],
  ["tags", "Tags"],
  ["platforms", "Other platforms"],
  ["host", "Control and host"],
];

export function BannerCard({ source }: { source: Source }) {
  const query = useQuery(consent(useWorkspace()));
  const [isBegun, setBegun] = useState(false);
  const notAllowed = useBlocked("admin");
  const blocked = declaredReason(source.declared_by) ?? notAllowed;
  if (source.banner === null && !isBegun) {
    return (
      <Card title={TITLE}>
        <div className="stack">
          <p>
            Its visitors are asked with the workspace&rsquo;s banner, all of it. A site may have words and tags of its
            own, another control, and what belongs to its host; vendors, categories and the version are one for all
            sites.
          </p>
          <div>
            <Button blocked={blocked} onClick={() => setBegun(true)}>
              Say something else on this site
            </Button>
          </div>
        </div>
      </Card>
    );
  }
  return <Loaded query={query}>{(template) => <Editor saved={source} template={template} blocked={blocked} />}</Loaded>;
}

const bannerOf = ({ banner }: Source) => ({ banner });

function Editor({ saved, template, blocked }: { saved: Source; template: Consent; blocked: string | null }) {
  const work = usePart(saved, bannerOf);
  const { start, part, isChanged, save } = work;
  const site: SiteBanner = part.banner ?? {};
  const [tab, setTab] = useState<Tab>("words");
  const onSite = asOnSite(template, part.banner);
  const [visitor, setVisitor] = useState<Visitor>(() => {
    const language = Object.keys(languagesOf(template.banner))[0] ?? FIRST_LANGUAGE;
    return { region: "DE", language, gpc: false };
  });
  const preview = usePreview(onSite, isChanged, visitor);
  // The preview is asked as if all sites said this: what it says of another site's banner is not about this form.
  const ofPreview = refusalOf(preview.error);
  const refusal = refusalOf(save.error) ?? (ofPreview !== null && siteOf(ofPreview) === null ? ofPreview : null);
  const Fields = FIELDS[tab];
  const unchanged = isChanged ? null : "Nothing was changed.";
  const unsaved = isChanged ? "Save or discard what you changed first." : null;
  const steps = { source: start, blocked: blocked ?? unsaved, onDone: work.taken };
  return (
    <RefusedWith message={refusal}>
      <div className="banner-editor">
        <Card title={TITLE} aside={isChanged && <NotSaved />}>
          <form
            className="form"
            onSubmit={(event) => {
              event.preventDefault();
              if (!blocked && isChanged) save.mutate({ base: start, written: part });
            }}
          >
            <p className="hint">What is left empty is the workspace&rsquo;s, and follows it.</p>
            <Segments label="Part of the banner" value={tab} options={TITLES} onChange={setTab} />
            <fieldset disabled={blocked !== null} className="stack" key={`${start.version} ${tab}`}>
              <Fields
                site={site}
                consent={template}
                onChange={(banner) => work.set({ banner })}
                language={visitor.language}
                onLanguage={(language) => setVisitor({ ...visitor, language })}
              />
            </fieldset>
            <Refused message={refusal} tab={tab} onTab={setTab} />
            {refusalOf(save.error) === null && (
              <SaveError<Source>
                error={save.error}
                mine={part}
                theirs={bannerOf}
                onTakeTheirs={work.begin}
                onKeepMine={(current) => save.mutate({ base: current, written: part })}
              />
            )}
            <div className="row">
              <Button type="submit" look="primary" busy={save.isPending} blocked={blocked ?? unchanged}>
                Save the site&rsquo;s banner
              </Button>
              <Button blocked={unchanged} onClick={() => work.begin(start)}>
                Discard
              </Button>
            </div>
            {start.banner && <Steps {...steps} over={template.version} />}
          </form>
        </Card>
        <Preview preview={preview} visitor={visitor} onVisitor={setVisitor} draft={onSite} />
      </div>
    </RefusedWith>
  );
}

const Steps = (props: ComponentProps<typeof PublishBanner>) => (
  <div className="row">
    <PublishBanner {...props} />
    <RemoveBanner {...props} />
  </div>
);

const NotSaved = () => (
  <Badge tone="wait" icon="wait">
    Not saved
  </Badge>
);

interface RefusedProps {
  message: string | null;
  tab: Tab;
  onTab: (tab: Tab) => void;
}

function Refused({ message, tab, onTab }: RefusedProps) {
  if (message === null) return null;
  const place = placeOf(message);
  const wanted = tabOf(place);
  const show = () => {
    if (wanted !== null && wanted !== tab) onTab(wanted);
    window.setTimeout(() => place && goTo(place), 0);
  };
  return (
    <Message tone="bad" title="As it is written it cannot be published.">
      <p>
        <Prose text={message} />
      </p>
      {wanted !== null && (
        <p>
          <Button small onClick={show}>
            Show the field
          </Button>
        </p>
      )}
    </Message>
  );
}
