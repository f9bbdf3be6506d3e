// Shares of a whole as a bar. The figures stand beside it as text; the bar is only the picture.

type Fill = "good" | "wait" | "bad" | "hold" | "plain" | "accent";

export function Meter({ parts, of }: { parts: readonly (readonly [value: number, fill: Fill])[]; of: number }) {
  return (
    <div className="meter" aria-hidden="true">
      {parts.map(([value, fill]) =>
        value > 0 && of > 0 ? (
          <span key={fill} className={`fill-${fill}`} style={{ width: `${Math.max(0.5, (100 * value) / of)}%` }} />
        ) : null,
      )}
    </div>
  );
}
