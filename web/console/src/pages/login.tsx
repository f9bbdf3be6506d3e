// The way in.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { post } from "../api/client.ts";
import { session } from "../api/resources.ts";
import mark from "../favicon.svg";
import { Button } from "../ui/button.tsx";
import { TextField } from "../ui/field.tsx";
import { ErrorMessage } from "../ui/states.tsx";

export function LoginPage() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const client = useQueryClient();
  const login = useMutation({
    mutationFn: () => post("/session", { name, password }),
    // The answer has the user only; the session with its workspaces is read anew.
    onSuccess: () => client.invalidateQueries({ queryKey: session.queryKey }),
  });
  useEffect(() => {
    document.title = "Sign in · Assent";
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate();
  };
  return (
    <main className="login">
      <div className="card">
        <form className="card-body stack" onSubmit={submit}>
          <div className="row row-3">
            <img src={mark} alt="" width={36} height={36} />
            <h1>Sign in to Assent</h1>
          </div>
          {login.error && <ErrorMessage error={login.error} />}
          <TextField label="Name" value={name} onChange={setName} autoComplete="username" required autoFocus />
          <TextField
            label="Password"
            type="password"
            value={password}
            onChange={setPassword}
            autoComplete="current-password"
            required
          />
          <Button type="submit" look="primary" busy={login.isPending}>
            Sign in
          </Button>
          <p className="hint">
            The first user is <code>admin</code>. Its password is in <code>ASSENT_ADMIN_PASSWORD</code>, or was printed
            once when the server first started.
          </p>
        </form>
      </div>
    </main>
  );
}
