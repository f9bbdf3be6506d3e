// A text field for SQL: a plain textarea, which every assistive technology knows, over its own text in colours.
// CodeMirror does more, but is five times this page's size and writes its styles into the page.

import { type KeyboardEvent, type RefObject, useEffect, useRef } from "react";
import { Coloured } from "../../ui/code.tsx";

interface Editor {
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
  /** Filled with a function that puts text where the caret is. */
  insert: RefObject<(text: string) => void>;
}

export function SqlEditor({ value, onChange, onRun, insert }: Editor) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    insert.current = (text) => {
      const field = area.current;
      if (!field) return;
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      onChange(field.value);
      field.focus();
    };
  }, [insert, onChange]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onRun();
    }
  };
  return (
    <div className="editor">
      <pre aria-hidden="true">
        <Coloured text={value} language="sql" />
        {"\n"}
      </pre>
      <textarea
        ref={area}
        aria-label="SQL"
        value={value}
        spellCheck={false}
        autoCapitalize="off"
        autoComplete="off"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
      />
    </div>
  );
}
