// The head of a page and the cards under it.

import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "wouter";

interface Head {
  title: string;
  /** Shown in place of the title's text, where a badge belongs to it. */
  heading?: ReactNode;
  about?: ReactNode;
  back?: { to: string; text: string };
  actions?: ReactNode;
}

export function PageHead({ title, heading, about, back, actions }: Head) {
  useEffect(() => {
    document.title = `${title} · Assent`;
  }, [title]);
  return (
    <header className="page-head">
      <div className="grow">
        {back && (
          <p className="crumbs">
            <Link href={back.to}>{back.text}</Link>
            <span aria-hidden="true">/</span>
          </p>
        )}
        <h1 className="break">{heading ?? title}</h1>
        {about && <p>{about}</p>}
      </div>
      {actions && <div className="row">{actions}</div>}
    </header>
  );
}

export function Card(props: { title?: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="card">
      {props.title && (
        <div className="card-head">
          <h2>{props.title}</h2>
          {props.aside && <div className="row">{props.aside}</div>}
        </div>
      )}
      {props.flush ? props.children : <div className="card-body">{props.children}</div>}
    </section>
  );
}

/** Tabs that are pages: links, so that each has an address. Where they do not fit they scroll, to the current one first. */
export function TabLinks<T extends string>(props: {
  label: string;
  tabs: readonly (readonly [tab: T, text: string])[];
  current: T;
  to: (tab: T) => string;
}) {
  const list = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list is looked at again when another tab is current.
  useEffect(() => {
    const here = list.current?.querySelector("[aria-current]")?.getBoundingClientRect();
    const frame = list.current?.getBoundingClientRect();
    if (!list.current || !here || !frame) return;
    list.current.scrollLeft += here.x - frame.x - (frame.width - here.width) / 2;
  }, [props.current]);
  return (
    <nav ref={list} className="tabs-list" aria-label={props.label}>
      {props.tabs.map(([tab, text]) => (
        <Link key={tab} href={props.to(tab)} className="tab" aria-current={tab === props.current ? "page" : undefined}>
          {text}
        </Link>
      ))}
    </nav>
  );
}
