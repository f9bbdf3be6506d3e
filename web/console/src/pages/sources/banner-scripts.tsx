// What a site does otherwise with scripts and frames: its tags, Google Consent Mode, the platforms that its pages answer
// as, and the sites in frames. All but the tags stand in the place of the workspace's as a whole, so an empty list is
// another thing than none.

import type { SiteBanner } from "../../api/model.ts";
import { Checks, SelectField } from "../../ui/field.tsx";
import { LongField } from "../consent/long-field.tsx";
import { GoogleTypes, SURFACES } from "../consent/more-section.tsx";
import { At, RefusedHere, useRefusedAt } from "../consent/refused.tsx";
import { TagList } from "../consent/tags-section.tsx";
import type { SiteProps } from "./banner-fields.tsx";
import { INHERITED, saying } from "./site.ts";

export function Tags({ site, consent, onChange }: SiteProps) {
  const below = consent.banner.tags ?? [];
  return (
    <>
      <p className="hint">
        {below.length > 0
          ? `Beside the workspace's: ${below.map(({ id }) => id).join(", ")}. One with such an id stands in its place.`
          : "The workspace has none. What is added here is loaded on this site alone."}
      </p>
      <TagList
        all={site.tags ?? []}
        of={consent}
        onChange={(tags) => onChange(saying(site, "tags", tags.length > 0 ? tags : undefined))}
      />
    </>
  );
}

const OWN = "own";

interface OwnProps<T> {
  label: string;
  hint?: string;
  /** What the workspace says, in a few words. */
  below: string;
  /** What the site says; nothing: as the workspace. */
  own: T | null | undefined;
  /** What its own begins with. */
  first: T;
  onChange: (own: T | undefined) => void;
  children: (own: T) => React.ReactNode;
}

/** Whether the site says something of its own, and then what. */
function Own<T>({ label, hint, below, own, first, onChange, children }: OwnProps<T>) {
  const says = own !== undefined && own !== null;
  return (
    <div className="stack">
      <SelectField
        label={label}
        hint={hint}
        value={says ? OWN : INHERITED}
        options={[
          [INHERITED, `As the workspace: ${below}`],
          [OWN, "Its own"],
        ]}
        onChange={(value) => onChange(value === OWN ? first : undefined)}
      />
      {says && children(own)}
    </div>
  );
}

export function Platforms({ site, consent, onChange }: SiteProps) {
  const { consent_mode, surfaces = [] } = consent.banner;
  const set =
    <Key extends "consent_mode" | "surfaces">(key: Key) =>
    (value: SiteBanner[Key] | undefined) =>
      onChange(saying(site, key, value));
  return (
    <>
      <At place="consent_mode">
        <Own
          label="Google Consent Mode"
          hint="A site cannot leave it alone where the workspace does not."
          below={consent_mode ? Object.keys(consent_mode).join(", ") || "on, and nothing said" : "left alone"}
          own={site.consent_mode}
          first={consent_mode ?? {}}
          onChange={set("consent_mode")}
        >
          {(mode) => <GoogleTypes mode={mode} categories={consent.categories} onChange={set("consent_mode")} />}
        </Own>
        <RefusedHere place="consent_mode" />
      </At>
      <At place="surfaces">
        <Own
          label="Answering as another consent platform"
          below={surfaces.join(", ") || "none"}
          own={site.surfaces}
          first={surfaces}
          onChange={set("surfaces")}
        >
          {(own) => (
            <Checks
              label="Answer as"
              hint="For wrappers and snippets that were written for it. None marked: as none."
              options={SURFACES}
              value={own}
              onChange={set("surfaces")}
            />
          )}
        </Own>
      </At>
    </>
  );
}

export function Frames({ site, consent, onChange }: SiteProps) {
  const refusedAt = useRefusedAt();
  const { frames = [] } = consent.banner;
  const set = (own: string[] | undefined) => onChange(saying(site, "frames", own));
  return (
    <At place="frames">
      <Own
        label="Choices in frames"
        hint="Stays with this site when the rest is published."
        below={frames.join(", ") || "none"}
        own={site.frames}
        first={frames}
        onChange={set}
      >
        {(own) => (
          <LongField
            label="Sites that show each other's pages in frames"
            hint="Their origins, one in each line, in the place of the workspace's. Empty: none."
            placeholder="https://www.example"
            value={own.join("\n")}
            error={refusedAt("frames")}
            onChange={(text) => set(text === "" ? [] : text.split(/[\s,]+/))}
          />
        )}
      </Own>
    </At>
  );
}
