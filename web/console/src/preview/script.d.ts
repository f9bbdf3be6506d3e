/** The address of the script that runs in the preview's frame. */
declare module "virtual:preview-script" {
  const address: string;
  // biome-ignore lint/style/noDefaultExport: how Vite names the only thing that such a module has.
  export default address;
}
