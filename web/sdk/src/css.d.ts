// A style sheet's text, minified: by build.mjs here, by Vite where the console shows a banner.

declare module "*.css?inline" {
  const text: string;
  // biome-ignore lint/style/noDefaultExport: so bundlers hand over what is no script.
  export default text;
}
