/** Somebody who looks on while a processor runs, and changes nothing. */
export interface Observer {
  /**
   * An exception or interrupt is about to be handled: delivered to the guest, or taken by a monitor that keeps it
   * to itself. Handling one may bring about another within it.
   */
  delivering(vector: number): void;
  /** It has been handled. */
  delivered(vector: number): void;
  /** Guest memory that is watched for Watch.JOURNAL was written, or is about to be. @param size bytes */
  wrote(physical: number, size: number): void;
  /** A port was read. @param size bytes */
  read(port: number, size: number, value: number): void;
  /** A port is about to be written. @param size bytes */
  written(port: number, size: number, value: number): void;
}
