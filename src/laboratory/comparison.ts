/**
 * One guest under several techniques: what is known of each run, and how it differs from the reference. Plain data,
 * to be kept as JSON and turned into tables and pages.
 */
import type { Outcome, Statistics } from '../index.ts';
import type { Costs, ModelledCycles } from './costs.ts';
import type { Sample } from './samples.ts';

/** The guest and the machine that all runs had. */
export interface Subject {
  readonly kernel: string;
  readonly append?: string;
  readonly modules: readonly string[];
  /** Guest memory in bytes. */
  readonly memory: number;
  readonly cpu: string;
  readonly engine: string;
  /** Bytes of the translation cache. */
  readonly cacheSize: number;
  readonly clock: 'virtual' | 'wall';
  /** What else was asked for instead of the defaults. */
  readonly mmu?: 'shadow' | 'vtlb';
  readonly eviction?: string;
  readonly chaining?: boolean;
  readonly blockLength?: number;
  /** Console text behind which a run was ended. */
  readonly until?: string;
}

/** How one run ended. */
export type RunEnd =
  | Exclude<Outcome, { readonly kind: 'stopped' }>
  /** The console showed the text that was waited for. */
  | { readonly kind: 'reached' }
  /** The guest waits, and nothing is going to wake it. */
  | { readonly kind: 'waiting' }
  /** It went on long after the reference had ended. */
  | { readonly kind: 'outlasted' }
  /** The user ended the run. */
  | { readonly kind: 'interrupted' }
  /** The technique cannot run this guest, or the machine could not be made. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A defect of this program. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Where the guest's processor stood at the end. */
export interface Place {
  /** Guest-visible CS and EIP. */
  readonly cs: number;
  readonly eip: number;
  /** Linear address, CS base + EIP. */
  readonly linear: number;
  readonly symbol?: string;
}

/** The first thing by which a guest, or its user, notices. */
export type Difference =
  /** A line of the console, counted from 1; undefined where one of the two ended before. */
  | { readonly kind: 'console'; readonly line: number; readonly expected?: string; readonly seen?: string }
  /** The same console, but another end. */
  | { readonly kind: 'end'; readonly expected: string; readonly seen: string };

/** What a run came to, judged by the reference run of the same guest. */
export type Verdict =
  /** It is what the others are judged by. */
  | { readonly kind: 'reference' }
  /** Console and end are the same. */
  | { readonly kind: 'same' }
  | { readonly kind: 'wrong'; readonly difference: Difference }
  /** The guest's processor shut down, or the technique cannot go on. */
  | { readonly kind: 'crashed'; readonly reason: string; readonly difference?: Difference }
  /** A limit came first, or the user; nothing was wrong so far. */
  | { readonly kind: 'unfinished' }
  /** It ended, but there is no finished run to compare it with. */
  | { readonly kind: 'unjudged' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export interface TechniqueRun {
  /** With its variants: `trap+ring3`. */
  readonly technique: string;
  readonly description: string;
  readonly end: RunEnd;
  readonly verdict: Verdict;
  /** Where it stood at the end; null when it never ran. */
  readonly place: Place | null;
  /** Measured: counts and host time. Null when it never ran. */
  readonly statistics: Statistics | null;
  /** Modelled from the counts; null when it never ran. */
  readonly modelled: ModelledCycles | null;
  /** The counts in the course of the run, in order. */
  readonly samples: readonly Sample[];
  /** Lines of the console, and the last of them. */
  readonly consoleLines: number;
  readonly consoleEnd: readonly string[];
  /** Warnings that the reference's run did not give; all of its own. */
  readonly warnings: readonly string[];
}

export interface Comparison {
  readonly kind: 'comparison';
  readonly subject: Subject;
  /** The technique by which the others are judged; null when it was not run, or came to no end. */
  readonly reference: string | null;
  readonly costs: Costs;
  /** Runs at a time while host time was measured. */
  readonly simultaneous: number;
  /** Whether the user ended it early. */
  readonly interrupted: boolean;
  /** In the order in which they were asked for. */
  readonly runs: readonly TechniqueRun[];
}
