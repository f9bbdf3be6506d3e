// What pages load once its categories are granted.

import { type Consent, PURPOSES, TAG_KINDS, type TagWritten } from "../../api/model.ts";
import { sentence } from "../../format/words.ts";
import { Button } from "../../ui/button.tsx";
import { Checks, SelectField, TextField } from "../../ui/field.tsx";
import { Empty } from "../../ui/states.tsx";
import { withBanner } from "./draft.ts";
import { Lines } from "./lines.tsx";
import { At, RefusedHere } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

const ATTRIBUTE_LINE = /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/;
const KIND_TEXT: Record<TagWritten["kind"], string> = { script: "Script", img: "Image", iframe: "Frame" };

export function TagsSection({ draft, onChange }: SectionProps) {
  const all = draft.banner.tags ?? [];
  return (
    <>
      {all.length === 0 && (
        <Empty icon="send" title="No tags">
          <p>
            A tag that is declared here is loaded when its categories are granted, and not before. Markup of a page can
            also wait by itself, with <code>data-category</code>.
          </p>
        </Empty>
      )}
      <TagList all={all} of={draft} onChange={(tags) => onChange(withBanner(draft, { tags }))} />
    </>
  );
}

/** The consent block whose categories a tag waits for and whose vendors it belongs to. */
type Around = Pick<Consent, "banner" | "categories">;

interface ListProps {
  all: TagWritten[];
  of: Around;
  onChange: (tags: TagWritten[]) => void;
}

export function TagList({ all, of, onChange }: ListProps) {
  const fresh: TagWritten = { id: "", kind: "script", src: "", categories: [], purpose: "analytics" };
  return (
    <>
      {all.map((tag, at) => (
        <Tag
          // biome-ignore lint/suspicious/noArrayIndexKey: a tag's id is what is being typed.
          key={at}
          number={at + 1}
          tag={tag}
          of={of}
          onChange={(next) => onChange(all.map((one, place) => (place === at ? next : one)))}
          onRemove={() => onChange(all.filter((_, place) => place !== at))}
        />
      ))}
      <At place="tags">
        <Button small icon="plus" onClick={() => onChange([...all, fresh])}>
          Add tag
        </Button>
      </At>
    </>
  );
}

interface TagProps {
  number: number;
  tag: TagWritten;
  of: Around;
  onChange: (tag: TagWritten) => void;
  onRemove: () => void;
}

function Tag({ number, tag, of, onChange, onRemove }: TagProps) {
  const change = (to: Partial<TagWritten>) => onChange({ ...tag, ...to });
  const optional = (key: "vendor" | "into", text: string) => {
    const { [key]: _, ...rest } = tag;
    onChange(text ? { ...rest, [key]: text } : rest);
  };
  const attributes = (value: Record<string, string>) => {
    const { attributes: _, ...rest } = tag;
    onChange(Object.keys(value).length > 0 ? { ...rest, attributes: value } : rest);
  };
  const purposes = [...new Set([...PURPOSES, tag.purpose])].map((one) => [one, sentence(one)] as const);
  const vendors = (of.banner.vendors ?? []).map(({ id, name }) => [id, name || id] as const);
  const named = of.categories.map(({ name }) => [name, name] as const);
  return (
    <fieldset className="stack stack-s entry" data-place={`tags.${tag.id}`}>
      <legend>
        <h3>{tag.id || `Tag ${number}`}</h3>
      </legend>
      <RefusedHere place={`tags.${tag.id}`} />
      <div className="grid-2">
        <TextField label="Id" value={tag.id} onChange={(id) => change({ id })} placeholder="ga" />
        <SelectField
          label="Kind"
          value={tag.kind}
          options={TAG_KINDS.map((kind) => [kind, KIND_TEXT[kind]] as const)}
          onChange={(kind) => change({ kind })}
        />
        <TextField label="Address" value={tag.src} onChange={(src) => change({ src })} placeholder="https://…" />
        <SelectField
          label="Purpose"
          value={tag.purpose}
          options={purposes}
          onChange={(purpose) => change({ purpose })}
        />
        <SelectField
          label="Vendor"
          value={tag.vendor ?? ""}
          options={[["", "None"], ...vendors]}
          onChange={(vendor) => optional("vendor", vendor)}
        />
        {tag.kind === "iframe" && (
          <TextField
            label="Into"
            value={tag.into ?? ""}
            onChange={(into) => optional("into", into)}
            placeholder="#map"
          />
        )}
      </div>
      <Checks
        label="Waits for"
        hint="All of them must be granted."
        options={named}
        value={tag.categories}
        onChange={(categories) => change({ categories })}
      />
      <Attributes value={tag.attributes ?? {}} onChange={attributes} />
      <div>
        <Button small look="quiet" icon="trash" onClick={onRemove}>{`Remove ${tag.id || "tag"}`}</Button>
      </div>
    </fieldset>
  );
}

interface AttributesProps {
  value: Record<string, string>;
  onChange: (value: Record<string, string>) => void;
}

const Attributes = ({ value, onChange }: AttributesProps) => (
  <details>
    <summary className="muted">Attributes of its element</summary>
    <Lines
      label="Attributes"
      hint="One in each line."
      placeholder="async: true"
      pattern={ATTRIBUTE_LINE}
      value={value}
      onChange={onChange}
    />
  </details>
);
