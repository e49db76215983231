/** What the index says about a guest. */

/** What a run must come to. */
export interface Expectation {
  /** Console text: a file in `expected/`, to be matched to the byte. */
  readonly console: string;
  /**
   * What the guest writes to port 0xF4: 0 success, 1 failure (QEMU's isa-debug-exit turns it into its exit
   * code (status << 1) | 1), or `shutdown` where the processor shuts down instead.
   */
  readonly exitStatus: number | 'shutdown';
}

/** How a run under naive trap-and-emulate (kernel in ring 1, IOPL 0, nothing rewritten) differs. */
export interface UnderTrap {
  /** Names of checks that must print FAIL. Empty and no other field: the same as the expectation. */
  readonly failing: readonly string[];
  /** Names of further checks that may fail, depending on how the monitor tells ring 0 from ring 1. */
  readonly mayFail?: RegExp;
  /** Lines that must appear, for guests that do not print checks. */
  readonly lines?: readonly RegExp[];
  /** The guest waits forever for what a silent instruction lost. */
  readonly hangs?: true;
  /** The technique refuses to go on: the run ends with a shutdown that says why. */
  readonly refused?: true;
  /** Which instruction lies, and why (or why none does). */
  readonly reason: string;
}

export interface GuestEntry {
  /** Also its source without the `.s`, and where its file goes. */
  readonly name: string;
  readonly title: string;
  /** Path of the source in this folder. */
  readonly source: string;
  /** Guest memory in MiB. */
  readonly memory: number;
  /** Wall-clock seconds after which a run counts as hanging, on any engine. */
  readonly timeoutSeconds: number;
  readonly expectation: Expectation;
  readonly underTrap: UnderTrap;
  /** Checks that QEMU's TCG fails although the manual and Bochs agree with the guest. */
  readonly tcgFails: readonly string[];
  /** Checks of what Ringdown's processor does not have: they fail with every technique. */
  readonly notBuilt: readonly string[];
  /** For slow engines: text that is reached early, after which the run may be given up. */
  readonly shortRun?: string;
}

// A monitor that puts guest rings 0 and 1 into ring 1 can hardly tell them apart, and IRET or RET from one to
// the other is then a return within a ring: what the guest checks in ring 1 may fail.
export const RING_1 = /ring [12]|gate/;

export const same = (reason: string): UnderTrap => ({ failing: [], reason });
export const fails = (failing: readonly string[], reason: string): UnderTrap => ({
  failing,
  mayFail: RING_1,
  reason,
});

export function entry(
  name: string,
  title: string,
  underTrap: UnderTrap,
  options: Partial<Pick<GuestEntry, 'memory' | 'timeoutSeconds' | 'tcgFails' | 'notBuilt' | 'shortRun'>> & {
    exitStatus?: number | 'shutdown';
  } = {},
): GuestEntry {
  const { exitStatus = 0, ...others } = options;
  return {
    name,
    title,
    source: `${name}.s`,
    memory: 16,
    timeoutSeconds: 20,
    expectation: { console: `${name}.txt`, exitStatus },
    underTrap,
    tcgFails: [],
    notBuilt: [],
    ...others,
  };
}

export const sensitive = (
  mnemonic: string,
  title: string,
  underTrap: UnderTrap,
  options: Partial<Pick<GuestEntry, 'tcgFails' | 'notBuilt'>> = {},
): GuestEntry => entry(`sensitive/${mnemonic}`, title, underTrap, options);
