/** Log messages for developers, on standard error: one pino child per room, silent unless asked for. */

export const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What a room gets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The logger of a room. */
export type LoggerOf = (room: string) => Logger;

const ignore = (): void => {};
const silent: Logger = { debug: ignore, info: ignore, warn: ignore };

/** The library is loaded only when something is to be logged. */
export const openLog = async (level: LogLevel): Promise<LoggerOf> => {
  if (level === 'silent') return () => silent;
  const { default: pino } = await import('pino');
  // Synchronous, so that the last message is out before the process ends, however it ends.
  const root = pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
  return (room) => root.child({ room });
};
