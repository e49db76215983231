/** One module as the user asks for it. */
export interface ModuleRequest {
  /** The file to read. */
  readonly file: string;
  /** The whole request, file name first: what the kernel finds as the module's string. */
  readonly commandLine: string;
}

/**
 * Splits a list of modules: commas separate them, a doubled comma stands for one in a name, and what follows
 * the first space of a module are its arguments. Example: `fs.img ro,driver.bin`.
 */
export const parseModuleList = (list: string): ModuleRequest[] =>
  list
    .match(/(?:[^,]|,,)+/g)
    ?.map((request) => request.replaceAll(',,', ',').trimStart())
    .filter((commandLine) => commandLine !== '')
    .map((commandLine) => ({ file: commandLine.split(' ', 1)[0], commandLine })) ?? [];
