// A short word with a tone and an icon: never colour alone.

import type { ReactNode } from "react";
import { resultLabel, resultTone, type Tone } from "../format/words.ts";
import { Icon, type IconName } from "./icon.tsx";

export function Badge(props: { tone?: Tone; icon?: IconName | null; title?: string; children: ReactNode }) {
  const { tone = "plain", icon = null } = props;
  return (
    <span className={`badge tone-${tone}`} title={props.title}>
      {icon && <Icon name={icon} />}
      <span>{props.children}</span>
    </span>
  );
}

/** The fate of an event, at an output or at the door. */
export function ResultBadge({ result, of, title }: { result: string; of?: string; title?: string }) {
  const tone = resultTone(result);
  return (
    <Badge tone={tone} icon={tone} {...(title && { title })}>
      {of ? (
        <>
          {of}
          <span className="visually-hidden">: {resultLabel(result).toLowerCase()}</span>
        </>
      ) : (
        resultLabel(result)
      )}
    </Badge>
  );
}
