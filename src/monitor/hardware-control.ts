/**
 * Guest mode: the processor runs the guest's own state at the guest's own privilege, and exceptions and interrupts
 * go through the guest's own tables, as on a bare machine. What the execution controls name leaves guest mode: it
 * *exits*, and the monitor does what the guest would have done (SDM vol. 3, chapter 25).
 */
import type { Instruction } from '../decoder/instruction.ts';
import { deliverEvent, deliverException } from '../instructions/callouts/index.ts';
import type { Operands } from '../instructions/cpu.ts';
import { numberedCallouts } from '../instructions/operands.ts';
import { forgetSegments, rememberLoads } from '../instructions/segment-lookaside.ts';
import type { Control, ControlledCpu } from '../interpreter/control.ts';
import { CpuAccess, type Platform } from '../interpreter/cpu-access.ts';
import type { Processor } from '../interpreter/processor.ts';
import { pagingModelOf } from '../memory/paging.ts';
import type { Technique } from '../techniques/technique.ts';
import type { Treatment } from '../translator/encode.ts';
import { segmentMode } from '../translator/mode.ts';
import { Fault, Vector } from '../x86/exceptions.ts';
import { Flag } from '../x86/flags.ts';
import { CR0 } from '../x86/registers.ts';
import { type CpuState, System } from '../x86/state.ts';
import { type GuestPaging, NestedPaging, ShadowedPaging } from './guest-paging.ts';
import type { ShadowCounters } from './shadow-paging.ts';
import { mayEnterGuestMode } from './vm-entry.ts';
import { EXIT_REASONS, ExitReason, exitReasonNames, exitReasonOfCallout, NO_EXIT } from './vm-exits.ts';

/** What guest mode cost. */
export interface HardwareCounters {
  /** By the manual's name of the reason. */
  readonly exits: Readonly<Record<string, number>>;
  /** Instructions of code that guest mode cannot run, emulated by the monitor. */
  readonly emulatedInstructions: number;
  /** Page faults that exited: on the shadow tables, unseen by the guest; the guest's own; on traced page tables. */
  readonly hiddenPageFaults: number;
  readonly truePageFaults: number;
  readonly tracedWrites: number;
  /** What happened in shadow page tables; null under nested paging. */
  readonly shadow: Readonly<ShadowCounters> | null;
  /** EPT violations by cause: first uses of a page; accesses to what is no RAM. */
  readonly mappedPages: number;
  readonly deviceAccesses: number;
  /** Entries of the second level's tables that page walks read. */
  readonly nestedEntriesRead: number;
}

/** MOV to and from control registers, of which the operands decide whether they exit. */
const [MOV_TO_CR, MOV_FROM_CR] = ['mov_to_cr', 'mov_from_cr'].map((name) =>
  numberedCallouts.findIndex((callout) => callout.name === name),
);

/** Lines by which the outside asks for the guest's attention. */
type Line = 'interrupt' | 'nmi';

export class HardwareControl implements Control {
  readonly #processor: Processor;
  readonly #technique: Technique;
  readonly #cpu: CpuAccess;
  readonly #paging: GuestPaging;
  readonly #exits = new Float64Array(EXIT_REASONS);
  /** The monitor executes an instruction that exited. */
  #inMonitor = false;
  /** The monitor switches tasks for the guest, until the new task's segments are there. */
  #switching = false;
  /** The monitor waits with the guest, which has executed HLT. */
  #halted = false;
  /** The monitor emulates what guest mode cannot run, since so many instructions were retired. */
  #emulating = false;
  #emulatedSince = 0;
  #emulated = 0;
  /** Instructions retired at the boundary where a request last brought the monitor in, or found it there. */
  readonly #noticed: Record<Line, number> = { interrupt: -1, nmi: -1 };

  constructor(processor: Processor, platform: Platform, technique: Technique) {
    const { mmu, state } = processor;
    this.#processor = processor;
    this.#technique = technique;
    const model = pagingModelOf(platform.model);
    this.#paging =
      technique.mmu === 'nested'
        ? new NestedPaging(mmu, model, () => this.#exit(ExitReason.EPT_VIOLATION))
        : new ShadowedPaging(mmu, state, model, technique, () => this.#exit(ExitReason.EXCEPTION_OR_NMI));
    const paging = this.#paging;
    this.#cpu = new CpuAccess(state, mmu, this.#observed(platform), {
      pagingChanged: (flushGlobal) => paging.changed(flushGlobal),
      invalidatePage: (linear) => paging.invalidate(linear),
      readPhysical: (address) => paging.readPhysical(address),
      modeChanged: () => this.#modeChanged(),
      taskSwitches: () => this.#taskSwitches(),
      breakpoints: processor.breakpoints,
      leave: () => processor.interrupt(),
    });
  }
  /** The platform, with a look at what the guest asks of it. */
  #observed(platform: Platform): Platform {
    return {
      ...platform,
      halt: () => {
        this.#halted = this.#inMonitor;
        platform.halt();
      },
      shutdown: (reason) => {
        this.#exit(ExitReason.TRIPLE_FAULT);
        platform.shutdown(reason);
      },
      // In VMX operation CR0.NE is fixed to 1: the monitor gets #MF, and asserts the line.
      floatingPointError: (rising) => {
        this.#exit(ExitReason.EXCEPTION_OR_NMI);
        return platform.floatingPointError(rising);
      },
    };
  }

  get guestState(): CpuState {
    return this.#processor.state;
  }
  get counters(): HardwareCounters {
    const paging = this.#paging;
    const shadowed = paging instanceof ShadowedPaging ? paging : undefined;
    const nested = paging instanceof NestedPaging ? paging : undefined;
    const emulating = this.#emulating ? this.#processor.retired - this.#emulatedSince : 0;
    const exits: Record<string, number> = {};
    const happened = Object.values(ExitReason).filter((reason) => this.#exits[reason]! > 0);
    for (const reason of happened.sort((a, b) => this.#exits[b]! - this.#exits[a]!))
      exits[exitReasonNames[reason]] = this.#exits[reason]!;
    return {
      exits,
      emulatedInstructions: this.#emulated + emulating,
      hiddenPageFaults: shadowed?.hiddenPageFaults ?? 0,
      truePageFaults: shadowed?.truePageFaults ?? 0,
      tracedWrites: shadowed?.tracedWrites ?? 0,
      shadow: shadowed?.shadowCounters ?? null,
      mappedPages: nested?.mappedPages ?? 0,
      deviceAccesses: nested?.deviceAccesses ?? 0,
      nestedEntriesRead: nested?.entriesRead ?? 0,
    };
  }

  entered(): void {
    this.#paging.entered();
    this.#modeChanged();
  }
  #modeChanged(): void {
    this.#switching = false;
    const { state, mmu } = this.#processor;
    if (!this.#emulating) rememberLoads(state);
    mmu.user = state.cpl === 3;
    this.#processor.mode = segmentMode(state);
    // Unrestricted guests need the second level of tables (SDM vol. 3, section 24.6.2).
    const { mmu: memory, unrestrictedGuest = false } = this.#technique;
    if (!unrestrictedGuest || memory !== 'nested') this.#leaveOrEnter();
  }
  /** Goes on outside guest mode where VM entry would fail, and returns to it as soon as it would not. */
  #leaveOrEnter(): void {
    const { state, retiring } = this.#processor;
    if (this.#emulating) {
      if (!mayEnterGuestMode(state)) return;
      this.#emulating = false;
      this.#emulated += retiring - this.#emulatedSince;
    } else if ((state.sys(System.CR0) & CR0.PE) === 0) {
      this.#emulating = true;
      // Each load may be the one behind which VM entry would not fail.
      forgetSegments(state);
      this.#emulatedSince = retiring;
    }
  }
  setA20(enabled: boolean): void {
    this.#paging.setA20(enabled);
    // The code that runs may be elsewhere now, too.
    this.#processor.interrupt();
  }
  cpu(): ControlledCpu {
    return this.#cpu;
  }

  // ---- exits ------------------------------------------------------------------------------------------

  get #inGuestMode(): boolean {
    return !this.#inMonitor && !this.#switching && !this.#halted && !this.#emulating;
  }
  /** Counts an exit. @returns false when the monitor runs already, so that there is none */
  #exit(reason: ExitReason): boolean {
    if (!this.#inGuestMode) return false;
    this.#exits[reason]!++;
    return true;
  }

  onTracedWrite(physical: number, size: number): void {
    this.#paging.tableWritten?.(physical, size);
  }
  treatment(instruction: Instruction): Treatment {
    return this.#technique.treatment(instruction, true);
  }
  /** Executes an instruction that the execution controls name. */
  execute(number: number, operands: Operands): void {
    const { run } = numberedCallouts[number]!;
    const reason = exitReasonOfCallout[number]!;
    if (!this.#inGuestMode) {
      run(this.#cpu, operands);
      return;
    }
    if (reason === NO_EXIT || !this.#operandsExit(number, operands)) {
      run(this.#cpu, operands);
      this.#processor.counters.longInstructions[number]!++;
      return;
    }
    this.#inMonitor = true;
    this.#exits[reason]!++;
    try {
      run(this.#cpu, operands);
    } catch (thrown) {
      if (thrown instanceof Fault && this.#comesBeforeExit(thrown, reason)) this.#exits[reason]!--;
      throw thrown;
    } finally {
      this.#inMonitor = false;
    }
  }
  /** Control registers exit by what is written to which (SDM vol. 3, section 25.1.3). */
  #operandsExit(number: number, { reg, rm }: Operands): boolean {
    if (number !== MOV_TO_CR && number !== MOV_FROM_CR) return true;
    const paging = this.#paging;
    if (reg === 3) return paging instanceof ShadowedPaging;
    if (number === MOV_FROM_CR) return false;
    const { state } = this.#processor;
    const value = state.gpr(rm);
    if (reg === 0) return ((value ^ state.sys(System.CR0)) & paging.cr0Mask) !== 0;
    return reg === 4 && ((value ^ state.sys(System.CR4)) & paging.cr4Mask) !== 0;
  }
  /**
   * Whether the guest gets this exception of an exiting instruction at once: #UD and what is about privilege, but
   * for MOV DR (SDM vol. 3, section 25.1.1 and 25.1.3).
   */
  #comesBeforeExit({ vector }: Fault, reason: ExitReason): boolean {
    if (reason === ExitReason.MOV_DR) return false;
    return vector === Vector.UD || (vector === Vector.GP && this.#processor.state.cpl !== 0);
  }
  #taskSwitches(): void {
    this.#exit(ExitReason.TASK_SWITCH);
    this.#switching = true;
  }

  // ---- events -----------------------------------------------------------------------------------------

  onFault(vector: number, error: number): void {
    this.#halted = false;
    this.#cpu.instructionEip = this.#cpu.state.eip;
    deliverException(this.#cpu, vector, error);
  }
  interruptsEnabled(): boolean {
    return (this.#processor.state.sys(System.FLAGS) & Flag.IF) !== 0;
  }
  /** The host's own interrupt, behind which a device asks for the guest's attention, ends guest mode. */
  onRequest(line: Line): void {
    this.#exit(ExitReason.EXTERNAL_INTERRUPT);
    this.#noticed[line] = this.#processor.retiring;
  }
  /** An event is injected: at once, or when the guest can take it and exits for that. */
  onInterrupt(vector: number): void {
    const nmi = vector === Vector.NMI;
    if (this.#noticed[nmi ? 'nmi' : 'interrupt'] !== this.#processor.retired)
      this.#exit(nmi ? ExitReason.NMI_WINDOW : ExitReason.INTERRUPT_WINDOW);
    this.#halted = false;
    deliverEvent(this.#cpu, vector, 'external');
  }
}
