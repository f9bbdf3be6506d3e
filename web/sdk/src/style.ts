// How banner, control and preference centre look. A site sets the variables of the first rule on `:root`; everything is
// in logical directions, in `rem`, and legible where the system forces its own colours.

export const CSS = `
:host{all:initial;--b:var(--assent-background,#fff);--t:var(--assent-text,#1b2130);--m:var(--assent-muted,#4a5266);
--l:var(--assent-border,#7d869c);--p:var(--assent-button,#22304f);--q:var(--assent-button-text,#fff);
--f:var(--assent-focus,#0b57d0);--r:var(--assent-radius,.5rem);
font:1rem/1.45 var(--assent-font,system-ui,sans-serif);color:var(--t)}
@media(prefers-color-scheme:dark){:host{--b:var(--assent-background,#171c27);--t:var(--assent-text,#f1f3f8);
--m:var(--assent-muted,#bcc4d6);--l:var(--assent-border,#8791a8);--p:var(--assent-button,#d6def2);
--q:var(--assent-button-text,#131926);--f:var(--assent-focus,#8ab4f8)}}
*{box-sizing:border-box}
h2,p,ul{margin:0;padding:0}
h2{font-size:1.125rem;line-height:1.3}
p{color:var(--m);font-size:.9375rem;margin-block-start:.25rem}
.n{position:fixed;inset:auto 0 0;z-index:var(--assent-z,2147483000);display:flex;flex-direction:column;gap:.75rem;
max-block-size:70vh;padding:1rem max(1rem,calc(50vw - 36rem));background:var(--b);border-block-start:1px solid var(--l);
box-shadow:0 0 2rem #0003}
.s{overflow:auto;min-block-size:3rem}
.a{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.5rem;flex:none}
@media(max-width:28rem){.a{grid-template-columns:1fr}}
@media(max-height:26rem){.a{grid-template-columns:repeat(3,1fr)}.a button{padding-inline:.25rem}.n{padding-block:.5rem}}
button{font-family:inherit;font-size:.9375rem;font-weight:600;line-height:1.3;min-block-size:2.75rem;padding:.375rem 1rem;color:var(--q);
background:var(--p);border:1px solid var(--p);border-radius:var(--r);cursor:pointer}
button:hover{text-decoration:underline}
a,button.i{color:var(--t);background:none;border:0;padding:0;min-block-size:1.5rem;font-weight:400;font-size:.9375rem;
text-decoration:underline;cursor:pointer}
.k{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin-block-start:.5rem}
.k a,.k button{display:inline-block;line-height:1.6}
:focus-visible{outline:3px solid var(--f);outline-offset:2px}
.c{position:fixed;inset-block-end:.75rem;inset-inline-start:.75rem;z-index:var(--assent-z,2147483000);display:flex;
flex-wrap:wrap;gap:.375rem;max-inline-size:calc(100vw - 1.5rem)}
.c button{min-block-size:2rem;padding:.125rem .75rem;font-size:.8125rem;color:var(--t);background:var(--b);
border-color:var(--l)}
.g{font-weight:600;color:var(--t)}
.c .g{padding:.3rem .75rem;font-size:.8125rem;margin:0;background:var(--b);border:1px solid var(--l);border-radius:var(--r)}
@media(forced-colors:active){button{border-color:ButtonText}}
@media(prefers-reduced-motion:no-preference){.n{animation:u .2s ease-out}@keyframes u{from{transform:translateY(1rem)}}}
@media print{.n,.c{display:none}}
`.replaceAll("\n", "");
