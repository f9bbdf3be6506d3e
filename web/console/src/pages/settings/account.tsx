// One's own account: who one is, what one may do, and the password.

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { put } from "../../api/client.ts";
import { sentence } from "../../format/words.ts";
import { useSession } from "../../session.tsx";
import { setTheme, THEMES, useTheme } from "../../theme.ts";
import { Button, Segments } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorMessage } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";

export function AccountTab() {
  const { user, version } = useSession();
  const theme = useTheme();
  return (
    <div className="grid-2">
      <Card title="You">
        <dl className="facts">
          <dt>Name</dt>
          <dd>{user.name}</dd>
          <dt>Role</dt>
          <dd>{sentence(user.role)}</dd>
          <dt>Personal data</dt>
          <dd>{user.personal_data ? "You may see it" : "Masked for you"}</dd>
          <dt>Colours</dt>
          <dd>
            <Segments
              label="Colours"
              value={theme}
              options={THEMES.map((name) => [name, sentence(name)] as const)}
              onChange={setTheme}
            />
          </dd>
          <dt>Server</dt>
          <dd>Assent {version}</dd>
        </dl>
      </Card>
      <Card title="Password">
        <Password />
      </Card>
    </div>
  );
}

export const PASSWORD_CHARS_MIN = 12;

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => put("/session/password", { current, new: next }),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      say("Password changed");
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form className="stack" onSubmit={submit}>
      <TextField
        label="Current password"
        type="password"
        value={current}
        onChange={setCurrent}
        autoComplete="current-password"
        required
      />
      <TextField
        label="New password"
        type="password"
        value={next}
        onChange={setNext}
        autoComplete="new-password"
        minLength={PASSWORD_CHARS_MIN}
        hint={`At least ${PASSWORD_CHARS_MIN} characters.`}
        required
      />
      {change.error && <ErrorMessage error={change.error} />}
      <div>
        <Button type="submit" look="primary" busy={change.isPending}>
          Change password
        </Button>
      </div>
    </form>
  );
}
