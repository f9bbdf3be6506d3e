// What a site may say otherwise than the workspace's banner: words, what is done before a choice, tags, other platforms,
// the control, and what belongs to its host. What is left empty is inherited, and stands in the field.

import { useQuery } from "@tanstack/react-query";
import { BEFORE, type Before, type Consent, type SiteBanner } from "../../api/model.ts";
import { regimes } from "../../api/resources.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { languagesOf, put } from "../consent/draft.ts";
import { CONTROLS } from "../consent/more-section.tsx";
import { At, useRefusedAt } from "../consent/refused.tsx";
import { BEFORE_TEXT } from "../consent/rules-section.tsx";
import { Languages, OneLanguage } from "../consent/words-section.tsx";
import { Frames, Platforms, Tags } from "./banner-scripts.tsx";
import { INHERITED, saying, speaking, type Tab } from "./site.ts";

export interface SiteProps {
  site: SiteBanner;
  consent: Consent;
  onChange: (site: SiteBanner | null) => void;
  /** Which language is looked at: the preview follows it. */
  language: string;
  onLanguage: (code: string) => void;
}

function Words({ site, consent, onChange, language, onLanguage }: SiteProps) {
  const template = languagesOf(consent.banner);
  const codes = [...new Set([...Object.keys(template), ...Object.keys(site.languages ?? {})])];
  const current = codes.includes(language) ? language : (codes[0] ?? language);
  const said = site.languages?.[current];
  const add = (code: string) => {
    onChange(speaking(site, consent.banner, code, {}));
    onLanguage(code);
  };
  const drop = () => {
    const languages = put(site.languages ?? {}, current, undefined);
    onChange(saying(site, "languages", Object.keys(languages).length > 0 ? languages : undefined));
  };
  return (
    <>
      <Languages codes={codes} language={current} onLanguage={onLanguage} onAdd={add}>
        {said && (
          <Button small icon="trash" look="quiet" onClick={drop}>
            {current in template ? `Inherit all of ${current}` : `Remove ${current}`}
          </Button>
        )}
      </Languages>
      <OneLanguage
        key={current}
        code={current}
        words={said ?? {}}
        below={template[current]}
        categories={consent.categories}
        onChange={(words) => onChange(speaking(site, consent.banner, current, words))}
      />
    </>
  );
}

function BeforeChoice({ site, consent, onChange }: SiteProps) {
  const refusedAt = useRefusedAt();
  const known = useQuery(regimes).data?.items ?? [];
  const before = site.before ?? {};
  const set = (regime: string, value: string) => {
    const next = put(before, regime, value === INHERITED ? undefined : (value as Before));
    onChange(saying(site, "before", Object.keys(next).length > 0 ? next : undefined));
  };
  return (
    <div className="grid-2">
      {known.map(({ id, title }) => (
        <At key={id} place={`before.${id}`}>
          <SelectField
            label={title}
            value={before[id] ?? INHERITED}
            options={[
              [INHERITED, `As the workspace: ${consent.banner.before?.[id] ?? "block"}`],
              ...BEFORE.map((value) => [value, BEFORE_TEXT[value]] as const),
            ]}
            error={refusedAt(`before.${id}`)}
            onChange={(value) => set(id, value)}
          />
        </At>
      ))}
    </div>
  );
}

function Host(props: SiteProps) {
  const { site, consent, onChange } = props;
  const refusedAt = useRefusedAt();
  const { control = "floating", cookie_domain } = consent.banner;
  const [, inherited] = CONTROLS.find(([value]) => value === control) ?? CONTROLS[0];
  return (
    <>
      <SelectField
        label="How visitors find their choices again"
        value={site.control ?? INHERITED}
        options={[[INHERITED, `As the workspace: ${inherited}`], ...CONTROLS]}
        onChange={(value) => onChange(saying(site, "control", value === INHERITED ? undefined : value))}
      />
      <At place="cookie_domain">
        <TextField
          label="Domain of the cookies"
          hint="Stays with this site when the rest is published."
          placeholder={cookie_domain ?? "the widest that the browser takes"}
          value={site.cookie_domain ?? ""}
          error={refusedAt("cookie_domain")}
          onChange={(text) => onChange(saying(site, "cookie_domain", text))}
        />
      </At>
      <Frames {...props} />
    </>
  );
}

export const FIELDS: Record<Tab, (props: SiteProps) => React.ReactNode> = {
  words: Words,
  before: BeforeChoice,
  tags: Tags,
  platforms: Platforms,
  host: Host,
};
