/** The path of a file that the build generates, relative to the program; see esbuild.config.mjs. */
declare module 'generated:*' {
  const path: string;
  export default path;
}
