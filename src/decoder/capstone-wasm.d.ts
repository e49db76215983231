/** The package's own declarations are not reachable through its export map; this is the part in use. */
declare module 'capstone-wasm' {
  /** Fills `module` with the emscripten exports, once per process. */
  export function loadCapstone(module: Record<string, unknown>): Promise<void>;
}
